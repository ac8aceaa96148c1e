//! Which tables are about to be replaced, for whoever reports it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Written by the reloader, read by the HTTP server.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    tables: Mutex<BTreeMap<String, Option<String>>>,
}

impl Pending {
    /// The tables that are about to be replaced, and what is in the way.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, Option<String>> {
        self.lock().clone()
    }

    pub(crate) fn set(&self, table: &str, blocked: Option<String>) {
        self.lock().insert(table.to_owned(), blocked);
    }

    pub(crate) fn clear(&self, table: &str) {
        self.lock().remove(table);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        // Plain values are consistent at every step, also after a panic elsewhere.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
