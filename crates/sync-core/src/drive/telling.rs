//! What a session tells the health board: once a message and once a commit, and only what is new.

use std::time::{Duration, SystemTime};

use super::write::Durable;
use crate::batch::Epoch;
use crate::chain::{BlockNum, BlockRange, Network};
use crate::health::{TableHealth, TableState};
use crate::message::{Mark, Message};

/// What the board was told last, and what it does not know yet.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// How many bytes are being written.
    pub(super) writing_bytes: usize,
    news: Option<News>,
    told: Option<(TableState, Held)>,
}

/// What a session holds in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// All rows that are not committed.
    pub(super) buffered: usize,
    /// Those that could be written, or are being written.
    pub(super) ready: usize,
}

/// What came since the board was told.
#[derive(Debug, Default)]
struct News {
    batches: u64,
    range: Option<(Network, BlockNum)>,
    mark: Option<Mark>,
}

impl Telling {
    /// Takes note of a message that was found to be true.
    pub(super) fn heard(&mut self, message: &Message) {
        let news = self.news.get_or_insert_default();
        news.batches += u64::from(message.rows.num_rows() > 0);
        if let Some(range) = message.ranges.first() {
            news.range = Some((range.network().clone(), range.end()));
            news.mark = Some(message.mark);
        }
    }

    /// What to change on the board, if it does not know all of it.
    pub(super) fn report(
        &mut self,
        state: TableState,
        held: Held,
    ) -> Option<impl FnOnce(&mut TableHealth, SystemTime)> {
        let news = self.news.take();
        if news.is_none() && self.told == Some((state, held)) {
            return None;
        }
        self.told = Some((state, held));
        Some(move |health: &mut TableHealth, now| {
            health.state = state;
            (health.buffered_bytes, health.ready_bytes) = (held.buffered, held.ready);
            let Some(news) = news else { return };
            health.heard = Some(now);
            health.batches += news.batches;
            if news.batches > 0 {
                health.progressed = now;
            }
            if let Some((network, end)) = news.range {
                health.network = Some(network);
                health.streamed(now, end);
            }
            if let Some(mark) = news.mark {
                health.ranges_marked = mark != Mark::Absent;
            }
        })
    }
}

/// What to change on the board after a commit.
pub(super) fn committed(
    epoch: &Epoch,
    durable: &Durable,
    elapsed: Duration,
) -> impl FnOnce(&mut TableHealth, SystemTime) {
    move |health, now| {
        let advance = &epoch.advance;
        match advance.completed.last() {
            Some(range) => health.cursor_time = BlockRange::time(range),
            None if advance.cursor != health.cursor => health.cursor_time = None,
            None => {}
        }
        health.cursor.clone_from(&advance.cursor);
        health.provisional = advance.provisional;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        health.rows += count(epoch.rows);
        health.bytes += count(epoch.bytes);
        health.flush_time.observe_time(elapsed);
        if let Some(time) = durable.commit_time {
            health.commit_time.observe_time(time);
        }
        if let Some(invalidated) = &epoch.retract {
            health.reorganised(now, invalidated, durable.committed.retracted);
        }
        health.committed(now);
    }
}
