use sink_postgres::{Database, Error, Revisions};

use super::{Course, OnRevisionChange, course};
use crate::plan::PlannedTable;

/// What is stored under the name of a table, as far as it is needed to decide about it: why its revision
/// could not change is asked only where it is to change.
pub(crate) async fn look(
    database: &Database,
    setting: OnRevisionChange,
    planned: &PlannedTable,
) -> Result<Revisions, Error> {
    let mut stored = database.revisions(&planned.target).await?;
    match course(setting, &stored, planned) {
        Course::Beside(_) | Course::RolledBack(_) => {
            stored.hindrance = database.hindrance(&planned.target).await?;
        }
        Course::Plain { .. } | Course::Refused(_) => {}
    }
    Ok(stored)
}
