//! Everything there is to tell, a paragraph a table.

use sink_postgres::{Status, TableStatus};
use sync_core::OneLine;

use super::text::{Amount, ago, bytes, moment};
use crate::named::plain;

pub(super) fn render(status: &Status) -> String {
    let tables: Vec<_> = status.tables.iter().map(|table| paragraph(table, status)).collect();
    tables.join("\n")
}

fn paragraph(table: &TableStatus, status: &Status) -> String {
    let when = |at| format!("{}, {}", moment(at), ago(at, status.at));
    let block = match &table.cursor {
        Some(cursor) => format!("{} {} of {}", cursor.number, cursor.hash, cursor.network.as_str()),
        None => "none is complete yet".to_owned(),
    };
    let ahead = table.provisional.map(|provisional| {
        format!("rows through block {provisional}, which the next start deletes")
    });
    let size = match table.storage {
        None => "the table is gone".to_owned(),
        Some(storage) => match storage.rows_estimate {
            Some(rows) => format!("about {} rows, {}", Amount(rows), bytes(storage.bytes)),
            None => format!("{}; PostgreSQL has not counted its rows yet", bytes(storage.bytes)),
        },
    };
    let reorgs = match &table.reorgs.last {
        None => "none".to_owned(),
        Some(last) => format!(
            "{}; the last took back {} rows of blocks {} to {}, {}",
            table.reorgs.count,
            Amount(last.rows),
            last.base,
            last.end,
            when(last.at)
        ),
    };
    let ledger = match table.ledger.from {
        Some(from) => format!("{} ranges, from block {from} on", Amount(table.ledger.ranges)),
        None => "empty".to_owned(),
    };
    let writer = table.writer.as_ref().map_or("nobody now".to_owned(), ToString::to_string);
    let first = table.first_block.map(|block| format!(", with block {block}"));
    let lines = [
        ("revision", table.of_table.as_ref().map(|of| format!("{} of {of}", table.kind.as_str()))),
        ("dataset", Some(table.dataset.clone())),
        ("query", Some(table.query.clone())),
        ("block", Some(block)),
        ("ahead", ahead),
        ("updated", Some(when(table.updated_at))),
        ("begun", Some(format!("{}{}", when(table.created_at), first.unwrap_or_default()))),
        ("moved", Some(format!("{} times", Amount(table.version)))),
        ("size", Some(size)),
        ("reorgs", Some(reorgs)),
        ("ledger", Some(ledger)),
        ("written by", Some(writer)),
    ];
    let lines = lines.into_iter().filter_map(|(what, text)| Some((what, text?)));
    let lines = lines.map(|(what, text)| format!("  {what:<12}{}\n", OneLine(text)));
    format!("{}\n{}", plain(&table.table), lines.collect::<String>())
}
