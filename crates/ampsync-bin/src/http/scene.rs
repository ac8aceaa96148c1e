use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sink_postgres::Database;
use sync_core::{HealthBoard, MemoryUse, TableHealth};

use crate::reload::Reloads;
use crate::revision::Pending;
use crate::stage::{Progress, Stage};

/// Everything the server tells of.
pub(crate) struct Scene {
    /// How many bytes of rows all tables together may hold.
    pub(crate) memory_limit_bytes: usize,
    pub(crate) progress: Arc<Progress>,
    pub(crate) health: Arc<HealthBoard>,
    pub(crate) reloads: Arc<Reloads>,
    pub(crate) pending: Arc<Pending>,
    pub(crate) database: Database,
    pub(crate) started: Started,
}

/// When the process started, by both clocks: one can be told, the other is never set back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) at: SystemTime,
    pub(crate) since: Instant,
}

/// What everything was like at one moment, so that one answer does not contradict itself.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) now: SystemTime,
    pub(super) stage: Stage,
    pub(super) tables: BTreeMap<String, TableHealth>,
    /// The tables that are about to be replaced, and what is in the way.
    pub(super) pending: BTreeMap<String, Option<String>>,
}

impl Started {
    pub(crate) fn now() -> Self {
        Self { at: SystemTime::now(), since: Instant::now() }
    }
}

impl Scene {
    pub(super) fn moment(&self) -> Moment {
        let stage = self.progress.get();
        let tables = self.health.snapshot();
        let pending = self.pending.snapshot();
        Moment { now: SystemTime::now(), stage, tables, pending }
    }

    /// How much of the memory limit is taken: nothing, before the engine runs.
    pub(super) fn memory(&self) -> MemoryUse {
        let limit_bytes = self.memory_limit_bytes;
        self.health.memory().unwrap_or(MemoryUse { used_bytes: 0, limit_bytes })
    }
}
