use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::failure::{FailureClass, TableError};
use super::histogram::{Histogram, float};
use super::pace::{Pace, Sample, elapsed};
use super::state::{Head, LastReorg, TableState};
use crate::chain::{BlockNum, Cursor, InvalidationRange, Network};

/// What is known of one table. Counts begin with the process.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TableHealth {
    /// What it is doing.
    pub state: TableState,
    /// Since when.
    pub since: SystemTime,
    /// The network its blocks are of, once it is known.
    pub network: Option<Network>,
    /// The last completed block that is committed.
    pub cursor: Option<Cursor>,
    /// When that block was made, where the server tells it (since February 2026).
    pub cursor_time: Option<SystemTime>,
    /// Through which block rows are committed beyond the cursor.
    pub provisional: Option<BlockNum>,
    /// Where the chain ends, as far as it is known; never below the table's own blocks.
    pub head: Option<Head>,
    /// Since when there is something that the table does not have.
    pub behind_since: Option<SystemTime>,
    /// When the table last got on: when rows came, something was committed, or an interruption was
    /// over.
    pub progressed: SystemTime,
    /// When the server last said something, be it only a sign of life.
    pub heard: Option<SystemTime>,
    /// Whether the server tells the end of each range, also of one without rows. Where it does not
    /// (before October 2025), the cursor of a table without new rows stays below the head, and
    /// nothing is wrong.
    pub ranges_marked: bool,
    /// Rows committed.
    pub rows: u64,
    /// Bytes of those rows, as they are in memory.
    pub bytes: u64,
    /// Messages with rows received.
    pub batches: u64,
    /// Bytes of rows that are held in memory now: received, and not yet committed.
    pub buffered_bytes: usize,
    /// How many of those are whole blocks, which could be written or are being written.
    pub ready_bytes: usize,
    /// Transactions committed.
    pub commits: u64,
    /// When something was last committed.
    pub last_commit: Option<SystemTime>,
    /// How long a flush took, in seconds: encoding, all attempts and the commit.
    pub flush_time: Histogram,
    /// How long the sink's commit took of that, in seconds: from encoded rows until they are
    /// durable. The last attempt's; none where its answer was lost.
    pub commit_time: Histogram,
    /// Reorgs undone.
    pub reorgs: u64,
    /// How many blocks each of them invalidated.
    pub reorg_depth: Histogram,
    /// Rows deleted because of them, as far as the answer came.
    pub reorg_rows: u64,
    /// The last one.
    pub last_reorg: Option<LastReorg>,
    /// Streams opened from the checkpoint: at the start, after each failure, and where a stream
    /// was silent for long. One fewer is how often the table was restarted.
    pub sessions: u64,
    /// Failures after which it was tried again, by who failed.
    pub retries: BTreeMap<FailureClass, u64>,
    /// The last error, also when it has long passed: see [`current_error`](Self::current_error).
    pub last_error: Option<TableError>,
    pace: Pace,
}

impl TableHealth {
    /// A table that begins at `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self {
            state: TableState::Starting,
            since: now,
            network: None,
            cursor: None,
            cursor_time: None,
            provisional: None,
            head: None,
            behind_since: None,
            progressed: now,
            heard: None,
            ranges_marked: true,
            rows: 0,
            bytes: 0,
            batches: 0,
            buffered_bytes: 0,
            ready_bytes: 0,
            commits: 0,
            last_commit: None,
            flush_time: Histogram::seconds(),
            commit_time: Histogram::seconds(),
            reorgs: 0,
            reorg_depth: Histogram::blocks(),
            reorg_rows: 0,
            last_reorg: None,
            sessions: 0,
            retries: BTreeMap::new(),
            last_error: None,
            pace: Pace::default(),
        }
    }

    /// The last block of which rows may be committed: through the provisional ones.
    #[must_use]
    pub fn reached(&self) -> Option<BlockNum> {
        let cursor = self.cursor.as_ref().map(|cursor| cursor.number);
        cursor.max(self.provisional)
    }

    /// How many blocks the server is known to have above [`reached`](Self::reached); `None` where
    /// one of the two is not known.
    #[must_use]
    pub fn lag_blocks(&self) -> Option<u64> {
        Some(self.head?.number.get().saturating_sub(self.reached()?.get()))
    }

    /// How old the table's last completed block is; zero while it streams and has all that the
    /// server is known to have. `None` where the server does not tell when blocks were made.
    #[must_use]
    pub fn lag(&self, now: SystemTime) -> Option<Duration> {
        if self.state == TableState::Live && self.lag_blocks() == Some(0) {
            return Some(Duration::ZERO);
        }
        Some(elapsed(self.cursor_time?, now))
    }

    /// Rows committed a second, over the last half minute.
    #[must_use]
    pub fn rows_per_second(&self, now: SystemTime) -> f64 {
        self.pace.rates(self.sample(now)).rows
    }

    /// Blocks committed a second, over the last half minute.
    #[must_use]
    pub fn blocks_per_second(&self, now: SystemTime) -> f64 {
        self.pace.rates(self.sample(now)).blocks
    }

    /// When the table will be where the head is now, if it goes on like this; `None` where that
    /// cannot be said.
    #[must_use]
    pub fn eta(&self, now: SystemTime) -> Option<Duration> {
        let blocks = float(self.lag_blocks()?);
        Duration::try_from_secs_f64(blocks / self.blocks_per_second(now)).ok()
    }

    /// The last error, as long as nothing shows that it has passed: nothing was committed since,
    /// and the table is not live.
    #[must_use]
    pub fn current_error(&self) -> Option<&TableError> {
        let passed = |error: &TableError| {
            self.state == TableState::Live || self.last_commit.is_some_and(|at| at >= error.at)
        };
        self.last_error.as_ref().filter(|error| !passed(error))
    }

    /// Whether there is something that the table does not have.
    fn is_behind(&self) -> bool {
        let below_head = match (self.head, self.reached()) {
            (Some(head), Some(reached)) => head.number > reached,
            (head, None) => head.is_some(),
            (None, Some(_)) => false,
        };
        self.ready_bytes > 0 || (self.ranges_marked && below_head)
    }

    /// Restores what always holds.
    pub(super) fn tidy(&mut self, now: SystemTime) {
        if !self.state.is_streaming() {
            (self.buffered_bytes, self.ready_bytes) = (0, 0);
        }
        let reached = self.reached();
        if let (Some(head), Some(reached)) = (&mut self.head, reached) {
            head.number = head.number.max(reached);
        }
        if self.is_behind() {
            self.behind_since.get_or_insert(now);
        } else {
            self.behind_since = None;
        }
    }

    fn sample(&self, at: SystemTime) -> Sample {
        let block = self.reached().map_or(0, BlockNum::get);
        Sample { at, rows: self.rows, block }
    }

    /// A stream was opened from the checkpoint. After an interruption it has all the time there is to
    /// get on; one that took the place of a silent one has not.
    pub(crate) fn opened(&mut self, now: SystemTime) {
        self.sessions += 1;
        if !self.state.is_streaming() {
            self.progressed = now;
        }
        self.pace.begin(self.sample(now));
    }

    /// Something was committed, and cursor and counts are as they are after it.
    pub(crate) fn committed(&mut self, now: SystemTime) {
        self.commits += 1;
        self.last_commit = Some(now);
        self.progressed = now;
        self.pace.note(self.sample(now));
    }

    /// A reorg was undone with a commit.
    pub(crate) fn reorganised(
        &mut self,
        now: SystemTime,
        blocks: &InvalidationRange,
        rows: Option<u64>,
    ) {
        let last = LastReorg { at: now, start: blocks.start, end: blocks.end, rows };
        self.reorgs += 1;
        self.reorg_depth.observe(float(last.blocks()));
        self.reorg_rows += rows.unwrap_or(0);
        self.last_reorg = Some(last);
        // What was known of the head was of the old fork; the next probe knows better.
        self.head = self.reached().map(|number| Head { number, seen: now });
    }

    /// The server was heard to have `number`: at least that is there.
    pub(crate) fn streamed(&mut self, now: SystemTime, number: BlockNum) {
        let known = self.head.map(|head| head.number);
        if known.is_none_or(|known| known <= number) {
            self.head = Some(Head { number, seen: now });
        }
    }

    /// Something failed `times`, and is tried again.
    pub(crate) fn retried(&mut self, class: FailureClass, times: u64) {
        if times > 0 {
            *self.retries.entry(class).or_default() += times;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::chain::BlockHash;

    pub(crate) fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    pub(crate) fn head(number: u32) -> Option<Head> {
        Some(Head { number: number.into(), seen: at(0) })
    }

    fn cursor(number: u32) -> Option<Cursor> {
        Some(Cursor { network: Network::new("n"), number: number.into(), hash: BlockHash([0; 32]) })
    }

    pub(crate) fn health(state: TableState, block: Option<u32>) -> TableHealth {
        let mut health = TableHealth::new(at(0));
        health.state = state;
        health.cursor = block.and_then(cursor);
        health
    }

    #[test]
    fn the_head_is_never_below_the_table() {
        let mut health = health(TableState::Live, Some(10));
        health.head = head(7);
        health.tidy(at(1));
        assert_eq!((health.head, health.lag_blocks()), (head(10), Some(0)));
    }

    #[test]
    fn a_reorg_may_lower_the_head() {
        let mut health = health(TableState::Live, Some(10));
        health.streamed(at(1), 12.into());
        assert_eq!(health.lag_blocks(), Some(2));
        health.cursor = cursor(9);
        let blocks =
            InvalidationRange { network: Network::new("n"), start: 8.into(), end: 12.into() };
        health.reorganised(at(2), &blocks, Some(4));
        assert_eq!(health.head, Some(Head { number: 9.into(), seen: at(2) }));
        assert_eq!(health.last_reorg.as_ref().map(LastReorg::blocks), Some(5));
        assert_eq!((health.reorgs, health.reorg_rows, health.reorg_depth.sum()), (1, 4, 5.0));
    }

    #[test]
    fn lag_is_the_age_of_the_last_block_until_the_head_is_reached() {
        let mut health = health(TableState::CatchingUp, Some(10));
        assert_eq!(health.lag(at(500)), None, "the server does not tell times");
        health.cursor_time = Some(at(100));
        assert_eq!(health.lag(at(500)), Some(Duration::from_secs(400)));
        (health.state, health.head) = (TableState::Live, head(10));
        assert_eq!(health.lag(at(500)), Some(Duration::ZERO));
        health.state = TableState::BackingOff { attempt: 1 };
        assert_eq!(health.lag(at(500)), Some(Duration::from_secs(400)), "who knows what is there");
    }

    #[test]
    fn the_time_to_the_head_follows_from_speed_and_distance() {
        let mut health = health(TableState::CatchingUp, Some(100));
        health.head = head(1_100);
        health.opened(at(0));
        assert_eq!(health.eta(at(0)), None);
        health.cursor = cursor(200);
        health.committed(at(10));
        assert_eq!(health.blocks_per_second(at(10)), 10.0);
        assert_eq!(health.eta(at(10)), Some(Duration::from_secs(90)));
    }

    #[test]
    fn an_error_has_passed_once_something_was_committed() {
        let mut health = health(TableState::BackingOff { attempt: 1 }, Some(1));
        let error = TableError::new(FailureClass::Server, "gone".to_owned(), None, at(5));
        health.last_error = Some(error.clone());
        assert_eq!(health.current_error(), Some(&error));
        health.state = TableState::CatchingUp;
        assert_eq!(health.current_error(), Some(&error));
        health.committed(at(6));
        assert_eq!((health.current_error(), &health.last_error), (None, &Some(error)));
    }
}
