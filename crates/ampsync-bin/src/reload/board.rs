//! How the last reload came out, for whoever reports it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Written by the reloader, read by the HTTP server.
#[derive(Debug)]
pub(crate) struct Reloads {
    tally: Mutex<Tally>,
}

/// All reloads so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) applied: u64,
    pub(crate) unchanged: u64,
    pub(crate) failed: u64,
    pub(crate) last: Option<Last>,
    /// What is synced since the start, or the last reload that succeeded, as the user calls it.
    pub(crate) dataset: String,
}

/// The last reload.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub(crate) at: SystemTime,
    pub(crate) cause: String,
    pub(crate) outcome: Outcome,
    /// The settings that have changed and wait for a restart.
    pub(crate) needs_restart: Vec<&'static str>,
}

/// How a reload came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied {
        added: Vec<String>,
        removed: Vec<String>,
        changed: Vec<String>,
    },
    /// The tables are what they were.
    Unchanged,
    /// Everything is as it was; `retried` if it is tried again by itself.
    Failed {
        message: String,
        retried: bool,
    },
}

impl Outcome {
    /// A short name for machines.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Unchanged => "unchanged",
            Self::Failed { .. } => "failed",
        }
    }

    fn is_retried(&self) -> bool {
        matches!(self, Self::Failed { retried: true, .. })
    }
}

impl Reloads {
    /// None so far, of a process that syncs this.
    pub(crate) fn of(dataset: String) -> Self {
        Self { tally: Mutex::new(Tally { dataset, ..Tally::default() }) }
    }

    /// Notes how a reload came out. One that is tried again and again has failed once.
    pub(super) fn note(&self, last: Last, is_again: bool) {
        let mut tally = self.lock();
        let told = is_again && tally.last.as_ref().is_some_and(|last| last.outcome.is_retried());
        match &last.outcome {
            Outcome::Applied { .. } => tally.applied += 1,
            Outcome::Unchanged => tally.unchanged += 1,
            Outcome::Failed { .. } if told => {}
            Outcome::Failed { .. } => tally.failed += 1,
        }
        tally.last = Some(last);
    }

    /// Notes what is synced from here on.
    pub(super) fn syncs(&self, dataset: String) {
        self.lock().dataset = dataset;
    }

    pub(crate) fn tally(&self) -> Tally {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        // Plain values are consistent at every step, also after a panic elsewhere.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
