//! What the database lacks.

use ampsync_schema::{Change, Conflict, Cost, Difference, ExistingTable, Table};

use super::wanted::Wanted;
use crate::database;
use crate::failure::Failure;
use crate::settings::DatabaseSettings;

/// The tables as the database has them, in the same order.
pub(super) async fn existing(
    settings: &DatabaseSettings,
    tables: &[Wanted],
) -> Result<Vec<Option<ExistingTable>>, Failure> {
    let database = database::open(settings).await?;
    let mut found = Vec::new();
    for Wanted { table, .. } in tables {
        let name = table.name();
        let existing = database.existing(name).await;
        found.push(existing.map_err(Failure::of(format!("the table {name} cannot be read")))?);
    }
    Ok(found)
}

/// The statements that make `existing` hold what is wanted; empty if it does.
pub(super) fn script(table: &Table, existing: &ExistingTable) -> String {
    match table.difference(existing) {
        Difference::Equal => String::new(),
        Difference::Additive(changes) => lines(&changes),
        Difference::Conflicting(conflicts) => {
            let reconciling: usize = conflicts.iter().map(|conflict| conflict.changes.len()).sum();
            let missing = table.alter(existing).split_off(reconciling);
            let told = conflicts.iter().map(|conflict| {
                format!("-- conflict: {}\n{}", tell(conflict), lines(&conflict.changes))
            });
            told.chain([lines(&missing)]).collect()
        }
    }
}

/// Tells which statements of a migration are not merely additions.
pub(super) fn warn(tables: &[&Table], existing: &[Option<ExistingTable>]) {
    for (table, existing) in tables.iter().zip(existing) {
        let difference = existing.as_ref().map(|existing| table.difference(existing));
        if let Some(Difference::Conflicting(conflicts)) = difference {
            for conflict in &conflicts {
                let conflict = tell(conflict);
                tracing::warn!(table = %table.name(), conflict, "read the migration before it is run");
            }
        }
    }
}

fn tell(conflict: &Conflict) -> String {
    match conflict.cost {
        Cost::None => conflict.to_string(),
        cost @ (Cost::Rounded | Cost::Dropped | Cost::Missing) => format!("{conflict}; {cost}"),
    }
}

fn lines(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("{change}\n")).collect()
}
