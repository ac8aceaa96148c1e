//! Migrations, and their files as the tools of others want them.
//!
//! A [`Migration`] is the statements, a [`Layout`] says what the files are called. Nothing here reads
//! or writes a file.

mod layout;

use crate::change::Change;
use crate::existing::ExistingTable;
use crate::table::Table;

pub use layout::{File, Layout, LayoutError, UnknownLayout};

/// Statements that change a database, and those that undo them. None ends with a semicolon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The statements, in order.
    pub up: Vec<String>,
    /// The statements that undo them, in order.
    pub down: Vec<String>,
}

impl Migration {
    /// What makes each table as it is wanted: created if nothing exists, altered otherwise.
    #[must_use]
    pub fn new<'a>(
        tables: impl IntoIterator<Item = (&'a Table, Option<&'a ExistingTable>)>,
    ) -> Self {
        let mut schemas = Vec::new();
        let mut changes = Vec::new();
        for (table, existing) in tables {
            if let Some(existing) = existing {
                changes.extend(table.alter(existing));
                continue;
            }
            let schema = &table.name().schema;
            let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
            if schema.as_str() != "public" && !schemas.contains(&create) {
                schemas.push(create);
            }
            changes.extend(table.create());
        }
        let changes = Self::from_changes(changes);
        Self { up: schemas.into_iter().chain(changes.up).collect(), down: changes.down }
    }

    /// The changes, in order.
    #[must_use]
    pub fn from_changes(changes: impl IntoIterator<Item = Change>) -> Self {
        let (up, mut down): (Vec<_>, Vec<_>) =
            changes.into_iter().map(|change| (change.up, change.down)).unzip();
        down.reverse();
        Self { up, down }
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.up.is_empty()
    }

    /// The statements as a script; empty if there are none.
    #[must_use]
    pub fn up_script(&self) -> String {
        script(&self.up)
    }

    /// The statements that undo them as a script; empty if there are none.
    #[must_use]
    pub fn down_script(&self) -> String {
        script(&self.down)
    }
}

fn script(statements: &[String]) -> String {
    statements.iter().map(|statement| format!("{statement};\n")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
