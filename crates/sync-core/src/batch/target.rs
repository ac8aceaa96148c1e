use std::time::Duration;

use crate::config::BatchConfig;

/// How many rows the next transaction should carry: as many as are written in about the target
/// time. Each table has its own.
#[derive(Debug)]
pub(crate) struct BatchTarget {
    config: BatchConfig,
    rows: usize,
    failures: u32,
}

/// So many rows a transaction may have however many tables catch up. Fewer would only make more
/// commits of the same work: with several at once, PostgreSQL has something to do meanwhile.
const SHARE_MIN: usize = 10_000;

/// This many failures in a row make the next transaction smaller.
const FAILURES_MAX: u32 = 3;

impl BatchTarget {
    pub(crate) fn new(config: BatchConfig) -> Self {
        let middle = config.rows_max.get() / 5;
        let rows =
            middle.clamp(config.rows_min.get(), config.rows_max.get().max(config.rows_min.get()));
        Self { config, rows, failures: 0 }
    }

    /// The rows to aim at while so many tables catch up: together they hold about what one alone may.
    pub(crate) fn rows(&self, tables: usize) -> usize {
        let (least, most) = (self.config.rows_min.get(), self.config.rows_max.get());
        let share = most / tables.max(1);
        self.rows.min(share.max(SHARE_MIN.min(most)).max(least))
    }

    /// The bytes not to go far beyond.
    pub(crate) fn bytes_max(&self) -> usize {
        self.config.bytes_max.get()
    }

    /// How long rows of an unfinished range may wait.
    pub(crate) fn patience(&self) -> Duration {
        self.config.target
    }

    /// Learns from a transaction of `rows` rows that took `elapsed`.
    pub(crate) fn committed(&mut self, rows: usize, elapsed: Duration) {
        self.failures = 0;
        if elapsed > self.config.target {
            self.shrink();
        } else if elapsed < self.config.target / 2 && rows >= self.rows {
            // A small transaction is quick whatever the target is: it says nothing.
            self.rows = self.rows.saturating_mul(2).min(self.config.rows_max.get());
        }
    }

    /// Learns that a transaction failed.
    pub(crate) fn failed(&mut self) {
        self.failures += 1;
        if self.failures >= FAILURES_MAX {
            self.failures = 0;
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.rows = (self.rows / 2).max(self.config.rows_min.get());
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn target() -> BatchTarget {
        BatchTarget::new(BatchConfig::default())
    }

    #[test]
    fn quick_full_batches_grow_to_the_maximum() {
        let mut target = target();
        for _ in 0..10 {
            target.committed(target.rows(1), Duration::from_millis(10));
        }
        assert_eq!(target.rows(1), 50_000);
    }

    #[test]
    fn tables_that_catch_up_together_share_the_maximum() {
        let mut target = target();
        for _ in 0..10 {
            target.committed(target.rows(1), Duration::from_millis(10));
        }
        assert_eq!([2, 4, 100].map(|tables| target.rows(tables)), [25_000, 12_500, 10_000]);
        // Not above what its owner allows, nor below.
        let of = |rows_min, rows_max| {
            let count = |rows| NonZeroUsize::new(rows).unwrap();
            let (rows_min, rows_max) = (count(rows_min), count(rows_max));
            let mut target =
                BatchTarget::new(BatchConfig { rows_min, rows_max, ..BatchConfig::default() });
            for _ in 0..10 {
                target.committed(target.rows(1), Duration::from_millis(10));
            }
            target.rows(4)
        };
        assert_eq!([of(1, 500), of(20_000, 50_000)], [500, 20_000]);
    }

    #[test]
    fn slow_batches_shrink_to_the_minimum() {
        let mut target = target();
        for _ in 0..20 {
            target.committed(target.rows(1), Duration::from_millis(1_001));
        }
        assert_eq!(target.rows(1), 100);
    }

    #[test]
    fn a_batch_within_the_target_or_a_small_one_changes_nothing() {
        let mut target = target();
        target.committed(target.rows(1), Duration::from_millis(700));
        target.committed(3, Duration::from_millis(1));
        assert_eq!(target.rows(1), 10_000);
    }

    #[test]
    fn the_third_failure_in_a_row_shrinks() {
        let mut target = target();
        target.failed();
        target.failed();
        target.committed(1, Duration::from_millis(700));
        target.failed();
        target.failed();
        assert_eq!(target.rows(1), 10_000);
        target.failed();
        assert_eq!(target.rows(1), 5_000);
    }
}
