//! The two tables of a migration, as they are run.

use ampsync_schema::{QualifiedName, TableOptions};
use sink_postgres::Revision;

use super::course::is_planned;
use crate::columns::BLOCK_COLUMN;
use crate::plan::{Identity, PlannedTable};

/// What a table that is being filled is called in the log and on the health board.
const NEXT: &str = " (next)";

/// The label of the table that is to take the place of `table`.
pub(crate) fn label(table: &str) -> String {
    format!("{table}{NEXT}")
}

/// The table of a label, and whether it is the one that is to take its place.
pub(crate) fn of_label(label: &str) -> (&str, bool) {
    label.strip_suffix(NEXT).map_or((label, false), |table| (table, true))
}

/// What is planned, filled into `target`. Its commits are not announced: nobody reads it yet.
pub(crate) fn next(planned: &PlannedTable, target: QualifiedName) -> PlannedTable {
    let mut next = PlannedTable { table: label(&planned.table), unpinned: None, ..planned.clone() };
    next.options.name = Some(target.name.clone());
    (next.options.notify, next.options.begun) = (None, true);
    next.target = target;
    next
}

/// The table that is stored, as far as it can be followed by what is known of it. What it is like, it
/// says itself.
pub(crate) fn stored(planned: &PlannedTable, current: &Revision) -> PlannedTable {
    let mut options = planned.options.clone();
    options.table = TableOptions::default();
    options.as_stored = true;
    if is_planned(current, planned) {
        return PlannedTable { options, ..planned.clone() };
    }
    PlannedTable {
        identity: Identity { dataset: current.dataset.clone(), query: current.query.clone() },
        unpinned: None,
        sql: current.query.clone(),
        all: current.query.clone(),
        block_column: current.block_column.clone().unwrap_or_else(|| BLOCK_COLUMN.to_owned()),
        declared: None,
        config: None,
        options,
        ..planned.clone()
    }
}
