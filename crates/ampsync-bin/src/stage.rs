//! How far the process as a whole has come: what it waits for before its tables can be streamed.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Written as the process goes on, read by whoever reports it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    stage: Mutex<Stage>,
}

/// How far the process has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing has been begun.
    #[default]
    Starting,
    /// Something has to be there first.
    Waiting {
        on: Awaited,
        /// Why it cannot be used yet, once that is known.
        problem: Option<Problem>,
    },
    /// The engine runs: what the tables do is on its health board.
    Running,
    /// It was told to stop.
    Stopping,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    Database,
    Dataset,
}

/// Why something cannot be used yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl Stage {
    /// A short name for machines.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Waiting { on: Awaited::Database, .. } => "waiting_for_database",
            Self::Waiting { on: Awaited::Dataset, .. } => "waiting_for_dataset",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}

impl Progress {
    pub(crate) fn set(&self, stage: Stage) {
        *self.lock() = stage;
    }

    /// That this is waited for, and has not been tried yet.
    pub(crate) fn waits_for(&self, on: Awaited) {
        self.set(Stage::Waiting { on, problem: None });
    }

    /// Why what is waited for cannot be used yet.
    pub(crate) fn still_waits(&self, reason: Problem) {
        if let Stage::Waiting { problem, .. } = &mut *self.lock() {
            *problem = Some(reason);
        }
    }

    pub(crate) fn get(&self) -> Stage {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        // A plain value is consistent at every step, also after a panic elsewhere.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
