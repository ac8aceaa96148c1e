//! What the log says of the tables beside what the engine itself tells: that one has come to
//! stream, and now and then how far it is.
//!
//! Why a table waits, is tried again or stops, the engine tells when it happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sync_core::{HealthBoard, TableHealth, TableState};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the health board is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a table that has moved is summed up.
const SUM_UP_EVERY: Duration = Duration::from_secs(30);

/// Logs what happens on the board, for as long as it is polled.
pub(crate) async fn follow(board: Arc<HealthBoard>) -> std::convert::Infallible {
    let mut reporter = Reporter::new(Instant::now());
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        reporter.look(&board.snapshot(), now).iter().for_each(Line::log);
    }
}

/// Remembers what was told last.
struct Reporter {
    streaming: BTreeMap<String, bool>,
    summed_up: BTreeMap<String, Progress>,
    next_summary: Instant,
}

/// What a summary is about: when none of it has changed, there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Progress {
    block: Option<u64>,
    rows: u64,
    commits: u64,
    reorgs: u64,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// The table now does this.
    State { table: String, state: &'static str, block: Option<u64> },
    /// What the table has done by now.
    Summary { table: String, state: &'static str, progress: Progress },
}

impl Reporter {
    fn new(now: Instant) -> Self {
        Self {
            streaming: BTreeMap::new(),
            summed_up: BTreeMap::new(),
            next_summary: now + SUM_UP_EVERY,
        }
    }

    /// What there is to tell, now that the board is like this.
    fn look(&mut self, board: &BTreeMap<String, TableHealth>, now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        for (table, health) in board {
            let state = name(health.state);
            let before = self.streaming.insert(table.clone(), is_streaming(health.state));
            if is_streaming(health.state) && before != Some(true) {
                let block = progress(health).block;
                lines.push(Line::State { table: table.clone(), state, block });
            }
        }
        if now >= self.next_summary {
            self.next_summary = now + SUM_UP_EVERY;
            for (table, health) in board {
                let progress = progress(health);
                let before = self.summed_up.insert(table.clone(), progress.clone());
                if before.unwrap_or_default() != progress {
                    let state = name(health.state);
                    lines.push(Line::Summary { table: table.clone(), state, progress });
                }
            }
        }
        lines
    }
}

impl Line {
    fn log(&self) {
        match self {
            Self::State { table, state, block } => tracing::info!(table, block, "{state}"),
            Self::Summary { table, state, progress } => {
                let Progress { block, rows, commits, reorgs } = progress;
                tracing::info!(table, state, block, rows, commits, reorgs, "progress");
            }
        }
    }
}

fn progress(health: &TableHealth) -> Progress {
    Progress {
        block: health.cursor.as_ref().map(|cursor| cursor.number.get()),
        rows: health.rows,
        commits: health.commits,
        reorgs: health.reorgs,
    }
}

/// At the head a table goes back and forth between these two all the time.
fn is_streaming(state: TableState) -> bool {
    matches!(state, TableState::Live | TableState::CatchingUp)
}

fn name(state: TableState) -> &'static str {
    match state {
        TableState::Starting => "starting",
        TableState::Standby => "standing by",
        TableState::NotReady => "not ready",
        TableState::Live => "live",
        TableState::CatchingUp => "catching up",
        TableState::BackingOff { .. } => "trying again",
        TableState::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn health(state: TableState, rows: u64) -> TableHealth {
        let mut health = TableHealth::new(SystemTime::UNIX_EPOCH);
        health.state = state;
        health.rows = rows;
        health.commits = rows;
        health
    }

    fn board(health: TableHealth) -> BTreeMap<String, TableHealth> {
        BTreeMap::from([("logs".to_owned(), health)])
    }

    fn told(lines: &[Line]) -> Vec<&'static str> {
        let text = |line: &Line| match line {
            Line::State { state, .. } => state,
            Line::Summary { .. } => "progress",
        };
        lines.iter().map(text).collect()
    }

    #[test]
    fn that_a_table_streams_is_told_once_until_it_is_interrupted() {
        let now = Instant::now();
        let mut reporter = Reporter::new(now);
        let mut look = |state| told(&reporter.look(&board(health(state, 0)), now));
        assert!(look(TableState::Starting).is_empty());
        assert_eq!(look(TableState::CatchingUp), ["catching up"]);
        assert!(look(TableState::Live).is_empty());
        assert!(look(TableState::BackingOff { attempt: 1 }).is_empty());
        assert_eq!(look(TableState::Live), ["live"]);
    }

    #[test]
    fn a_table_that_has_moved_is_summed_up_each_half_minute() {
        let start = Instant::now();
        let mut reporter = Reporter::new(start);
        let mut look = |rows, seconds| {
            let now = start + Duration::from_secs(seconds);
            told(&reporter.look(&board(health(TableState::Live, rows)), now))
        };
        assert_eq!(look(0, 0), ["live"]);
        assert!(look(5, 29).is_empty());
        assert_eq!(look(5, 30), ["progress"]);
        assert!(look(5, 60).is_empty());
        assert!(look(6, 89).is_empty());
        assert_eq!(look(6, 90), ["progress"]);
    }
}
