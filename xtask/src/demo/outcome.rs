//! The end of a demo: are the tables equal to the chain, and what is in them?

use anyhow::{Context, Result};
use tokio_postgres::SimpleQueryMessage;

use super::world::World;
use crate::stage;

/// How much of a value is shown.
const VALUE_CHARS_MAX: usize = 22;
const ROWS_SHOWN: usize = 3;
const COLUMNS_SHOWN: usize = 5;

/// Shows a few rows of every table, and compares them with the canonical chain.
///
/// # Errors
/// When one of them is not equal; the error says how.
pub(super) async fn compare(world: &World) -> Result<()> {
    for table in world.tables() {
        show(world, &table).await?;
    }
    stage::compare(&world.sim, &world.session).await
}

/// Prints the last rows of a table, as psql does.
async fn show(world: &World, table: &str) -> Result<()> {
    let query =
        format!("SELECT * FROM public.\"{table}\" ORDER BY _block_num DESC LIMIT {ROWS_SHOWN}");
    let answer = world.session.simple_query(&query).await;
    let answer = answer.with_context(|| format!("could not read {table}"))?;
    let mut cells: Vec<Vec<String>> = Vec::new();
    for message in &answer {
        if let SimpleQueryMessage::RowDescription(columns) = message {
            cells.push(columns.iter().map(|column| column.name().to_owned()).collect());
        }
        if let SimpleQueryMessage::Row(row) = message {
            let values = (0..row.len()).map(|index| short(row.get(index).unwrap_or_default()));
            cells.push(values.collect());
        }
    }
    println!("\n{table}\n{}", grid(&cells));
    Ok(())
}

fn short(value: &str) -> String {
    if value.chars().count() <= VALUE_CHARS_MAX {
        return value.to_owned();
    }
    value.chars().take(VALUE_CHARS_MAX - 1).chain(['…']).collect()
}

/// Aligns the first columns below their heads.
fn grid(cells: &[Vec<String>]) -> String {
    let columns = cells.first().map_or(0, Vec::len).min(COLUMNS_SHOWN);
    let width = |column: usize| {
        cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} "));
        cells.collect::<Vec<_>>().join("|").trim_end().to_owned()
    };
    let rule = widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("+");
    let mut lines: Vec<String> = cells.iter().map(line).collect();
    lines.insert(lines.len().min(1), rule);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shown_as_psql_shows_them() {
        let cells = [["n", "text"], ["10", "a"], ["9", "bcdef"]];
        let cells = cells.map(|row| row.map(str::to_owned).to_vec());
        let expected = " n  | text\n----+-------\n 10 | a\n 9  | bcdef";
        assert_eq!(grid(&cells), expected);
        assert_eq!(short(&"x".repeat(23)).chars().count(), VALUE_CHARS_MAX);
    }
}
