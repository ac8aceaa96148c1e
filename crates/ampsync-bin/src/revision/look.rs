use sink_postgres::{Database, Error, Revisions};

use super::{Course, Fit, OnRevisionChange, course};
use crate::plan::PlannedTable;

/// What is stored under the name of a table, as far as it is needed to decide about it: why its revision
/// could not change is asked only where it is to change. `fit` is what is known of the current table.
pub(crate) async fn look(
    database: &Database,
    setting: OnRevisionChange,
    planned: &PlannedTable,
    fit: Fit,
) -> Result<Revisions, Error> {
    let mut stored = database.revisions(&planned.target).await?;
    match course(setting, &stored, planned, fit) {
        Course::Beside(_) | Course::RolledBack { .. } => {
            stored.hindrance = database.hindrance(&planned.target).await?;
        }
        Course::Plain(_) | Course::Refused(_) => {}
    }
    Ok(stored)
}
