//! A line a table.

use sink_postgres::{RevisionKind, Status, TableStatus};

use super::text::{Amount, ago, bytes};
use crate::named::plain;

const HEADINGS: [&str; 7] = ["TABLE", "BLOCK", "UPDATED", "ROWS", "SIZE", "REORGS", "WRITER"];
/// Numbers are aligned to the right.
const NUMBERS: [usize; 3] = [1, 3, 4];

pub(super) fn render(status: &Status) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(status.tables.iter().map(|table| row(table, status)));
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).filter_map(width).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if NUMBERS.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The table, and what it is where readers do not read it.
fn name(table: &TableStatus) -> String {
    match table.kind {
        RevisionKind::Current => plain(&table.table),
        kind @ (RevisionKind::Next | RevisionKind::Previous | RevisionKind::Rejected) => {
            format!("{} ({})", plain(&table.table), kind.as_str())
        }
    }
}

fn row(table: &TableStatus, status: &Status) -> [String; 7] {
    let storage = table.storage;
    let block = match (&table.cursor, table.provisional) {
        (Some(cursor), None) => cursor.number.to_string(),
        // Rows beyond the last completed range.
        (Some(cursor), Some(provisional)) => {
            format!("{} +{}", cursor.number, provisional.get().saturating_sub(cursor.number.get()))
        }
        (None, Some(provisional)) => format!("- +{provisional}"),
        (None, None) => "-".to_owned(),
    };
    let reorgs = match &table.reorgs.last {
        Some(last) => format!("{}, {}", table.reorgs.count, ago(last.at, status.at)),
        None => table.reorgs.count.to_string(),
    };
    let rows = storage.and_then(|storage| storage.rows_estimate);
    [
        name(table),
        block,
        ago(table.updated_at, status.at),
        rows.map_or("?".to_owned(), |rows| format!("~{}", Amount(rows))),
        storage.map_or("gone".to_owned(), |storage| bytes(storage.bytes)),
        reorgs,
        table.writer.as_ref().map_or("-".to_owned(), ToString::to_string),
    ]
}
