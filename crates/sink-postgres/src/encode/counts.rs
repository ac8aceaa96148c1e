use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ampsync_schema::QualifiedName;

/// How many values of a table were not stored as they came, since the process started. A clone
/// counts on with the original.
#[derive(Clone, Default)]
pub struct ValueCounts(Arc<Counters>);

#[derive(Default)]
struct Counters {
    truncated: AtomicU64,
    stripped: AtomicU64,
    nulled: AtomicU64,
}

impl ValueCounts {
    /// Times that lost what is finer than a microsecond, and dates that lost their time of day.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.0.truncated.load(Ordering::Relaxed)
    }

    /// Texts that lost their NUL characters.
    #[must_use]
    pub fn stripped(&self) -> u64 {
        self.0.stripped.load(Ordering::Relaxed)
    }

    /// Values beyond the range of their column's type that became NULL.
    #[must_use]
    pub fn nulled(&self) -> u64 {
        self.0.nulled.load(Ordering::Relaxed)
    }

    /// Adds what one batch came to. The first of each kind is told of.
    pub(super) fn add(&self, table: &QualifiedName, batch: &Tally) {
        let first = |counter: &AtomicU64, values: u64| {
            values > 0 && counter.fetch_add(values, Ordering::Relaxed) == 0
        };
        if first(&self.0.truncated, batch.truncated) {
            tracing::warn!(
                %table,
                "times are finer than a microsecond, which PostgreSQL cannot hold: the rest is cut"
            );
        }
        if first(&self.0.stripped, batch.stripped) {
            tracing::warn!(%table, "texts hold NUL characters, which are left out");
        }
        if first(&self.0.nulled, batch.nulled) {
            tracing::warn!(%table, "values beyond the range of their column's type become NULL");
        }
    }
}

impl fmt::Debug for ValueCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueCounts")
            .field("truncated", &self.truncated())
            .field("stripped", &self.stripped())
            .field("nulled", &self.nulled())
            .finish()
    }
}

/// The same for one batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) truncated: u64,
    pub(super) stripped: u64,
    pub(super) nulled: u64,
}
