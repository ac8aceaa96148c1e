//! What the engine tells of itself: written by the driver once a message and once a commit, read
//! by whoever reports it.

mod failure;
mod histogram;
mod pace;
mod ready;
mod state;
mod table;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use failure::{FailureClass, TableError};
pub use histogram::Histogram;
pub use ready::{NotReady, STALLED_AFTER};
pub use state::{Head, LastReorg, TableState};
pub use table::TableHealth;

use crate::chain::BlockNum;
use crate::drive::MemoryBudget;

/// The health of every table, and what they share.
///
/// It is empty until the engine runs, and has all of its tables from then on: whoever asks whether
/// a process is ready takes an empty board for *not yet*.
#[derive(Debug, Default)]
pub struct HealthBoard {
    tables: Mutex<BTreeMap<String, TableHealth>>,
    budget: Mutex<Option<MemoryBudget>>,
    /// How often a table's state has changed.
    changes: AtomicU64,
}

/// How much of the memory budget is taken, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// What the rows of all tables take now.
    pub used_bytes: usize,
    /// What they may take.
    pub limit_bytes: usize,
}

impl HealthBoard {
    /// A copy of every table's health, by name.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, TableHealth> {
        lock(&self.tables).clone()
    }

    /// How often the state of any table has changed: whoever looks for one compares this first, instead of a
    /// copy of the whole board.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// How much of the memory budget is taken; `None` before the engine runs.
    #[must_use]
    pub fn memory(&self) -> Option<MemoryUse> {
        lock(&self.budget).as_ref().map(MemoryBudget::usage)
    }

    /// Puts the head of the chain on the board, as a probe has found it, for each of `tables` that
    /// the engine runs. A table that has come farther meanwhile keeps its own block for the head.
    pub fn head_found<'a>(&self, tables: impl IntoIterator<Item = &'a str>, number: BlockNum) {
        let mut board = lock(&self.tables);
        for table in tables {
            if let Some(health) = board.get_mut(table) {
                let now = SystemTime::now();
                health.head = Some(Head { number, seen: now });
                health.tidy(now);
            }
        }
    }

    pub(crate) fn set_budget(&self, budget: MemoryBudget) {
        *lock(&self.budget) = Some(budget);
    }

    /// Takes a table off the board.
    pub(crate) fn remove(&self, table: &str) {
        lock(&self.tables).remove(table);
    }

    pub(crate) fn update(&self, table: &str, change: impl FnOnce(&mut TableHealth, SystemTime)) {
        let now = SystemTime::now();
        let mut tables = lock(&self.tables);
        // Without an allocation where the table is there, which is always but for the first time.
        let health = match tables.get_mut(table) {
            Some(health) => health,
            None => tables.entry(table.to_owned()).or_insert_with(|| TableHealth::new(now)),
        };
        let before = health.state;
        change(health, now);
        if health.state != before {
            health.since = now;
            self.changes.fetch_add(1, Ordering::Release);
        }
        health.tidy(now);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain values are consistent at every step, also after a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_state_counts_as_one() {
        let board = HealthBoard::default();
        board.update("a", |health, _| health.rows = 1);
        let before = board.changes();
        board.update("a", |health, _| health.rows = 2);
        assert_eq!(board.changes(), before);
        board.update("a", |health, _| health.state = TableState::Stopped);
        assert_eq!(board.changes(), before + 1);
        assert_eq!(board.snapshot()["a"].state, TableState::Stopped);
    }
}
