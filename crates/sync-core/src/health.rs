use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::chain::{BlockNum, Cursor};

/// The health of every table: written by the engine, read by whoever reports it.
#[derive(Debug, Default)]
pub struct HealthBoard {
    tables: Mutex<BTreeMap<String, TableHealth>>,
}

/// What is known of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableHealth {
    /// What it is doing.
    pub state: TableState,
    /// Since when.
    pub since: SystemTime,
    /// The last completed block that is committed.
    pub cursor: Option<Cursor>,
    /// Through which block rows are committed beyond the cursor.
    pub provisional: Option<BlockNum>,
    /// Rows committed since the process started.
    pub rows: u64,
    /// Transactions committed since the process started.
    pub commits: u64,
    /// Reorgs undone since the process started.
    pub reorgs: u64,
    /// The last error, with what a person can do about it.
    pub last_error: Option<TableError>,
}

/// What a table is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableState {
    /// Preparing the table and opening the stream.
    Starting,
    /// Another instance writes the table; this one waits to take over.
    Standby,
    /// The server has nothing to stream yet.
    NotReady,
    /// Streaming, with nothing waiting to be written.
    Live,
    /// Streaming, and behind.
    CatchingUp,
    /// Waiting to try again after an error.
    BackingOff {
        /// How many attempts in a row have failed.
        attempt: u32,
    },
    /// Stopped for good; the others go on.
    Stopped,
}

/// An error as a person should read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// The error and its causes.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl HealthBoard {
    /// A copy of every table's health, by name.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, TableHealth> {
        self.lock().clone()
    }

    pub(crate) fn update(&self, table: &str, change: impl FnOnce(&mut TableHealth)) {
        let mut tables = self.lock();
        let health = tables.entry(table.to_owned()).or_insert_with(|| TableHealth {
            state: TableState::Starting,
            since: SystemTime::now(),
            cursor: None,
            provisional: None,
            rows: 0,
            commits: 0,
            reorgs: 0,
            last_error: None,
        });
        let before = health.state;
        change(health);
        if health.state != before {
            health.since = SystemTime::now();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TableHealth>> {
        // Plain values are consistent at every step, also after a panic elsewhere.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
