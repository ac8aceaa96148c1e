//! The lines of the log.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use sync_core::TableHealth;
use tokio::time::Instant;

use super::{is_on_its_way, name};

/// How often a table that is on its way to the head is summed up.
const SUM_UP_EVERY: Duration = Duration::from_secs(30);
/// How often one is that is there, if it has moved.
const SUM_UP_AT_HEAD_EVERY: Duration = Duration::from_secs(5 * 60);
/// How often a table that has stalled is told of again.
const REMIND_EVERY: Duration = Duration::from_secs(5 * 60);

/// Remembers what was told last.
pub(super) struct Reporter {
    started: Instant,
    tables: BTreeMap<String, Told>,
}

/// What was told of a table.
struct Told {
    streaming: bool,
    /// When it was last found to have stalled, and has not got on since.
    stalled: Option<Instant>,
    progress: Progress,
    summed_up: Instant,
}

/// What a summary is about: when none of it has changed, there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    block: Option<u64>,
    rows: u64,
    commits: u64,
    reorgs: u64,
}

/// How far it is to the head, and how fast it gets there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outlook {
    head: Option<u64>,
    lag_blocks: Option<u64>,
    lag: Option<Duration>,
    rows_per_second: f64,
    eta: Option<Duration>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// The table now does this.
    State { table: String, state: &'static str, block: Option<u64>, head: Option<u64> },
    /// What the table has done by now.
    Summary { table: String, state: &'static str, progress: Progress, outlook: Outlook },
    /// The table is behind and gets nowhere.
    Stalled { table: String, block: Option<u64>, head: Option<u64>, quiet: Duration },
    /// It gets on again.
    Moving { table: String, block: Option<u64> },
}

impl Reporter {
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, tables: BTreeMap::new() }
    }

    /// What there is to tell, now that the board is like this; `now` and `time` are the same moment.
    pub(super) fn look(
        &mut self,
        board: &BTreeMap<String, TableHealth>,
        now: Instant,
        time: SystemTime,
    ) -> Vec<Line> {
        let mut lines = Vec::new();
        for (table, health) in board {
            let told = self.tables.entry(table.clone()).or_insert_with(|| Told {
                streaming: false,
                stalled: None,
                progress: Progress::default(),
                summed_up: self.started,
            });
            lines.extend(told.state(table, health));
            lines.extend(told.stall(table, health, now, time));
            lines.extend(told.summary(table, health, now, time));
        }
        lines
    }
}

impl Told {
    fn state(&mut self, table: &str, health: &TableHealth) -> Option<Line> {
        let streaming = health.state.is_streaming();
        let before = std::mem::replace(&mut self.streaming, streaming);
        (streaming && !before).then(|| Line::State {
            table: table.to_owned(),
            state: name(health.state),
            block: block(health),
            head: head(health),
        })
    }

    fn stall(
        &mut self,
        table: &str,
        health: &TableHealth,
        now: Instant,
        time: SystemTime,
    ) -> Option<Line> {
        let table = table.to_owned();
        let Some(quiet) = health.stalled(time) else {
            return self.stalled.take().map(|_| Line::Moving { table, block: block(health) });
        };
        if self.stalled.is_some_and(|told| now < told + REMIND_EVERY) {
            return None;
        }
        self.stalled = Some(now);
        Some(Line::Stalled { table, block: block(health), head: head(health), quiet })
    }

    fn summary(
        &mut self,
        table: &str,
        health: &TableHealth,
        now: Instant,
        time: SystemTime,
    ) -> Option<Line> {
        let pause = match is_on_its_way(health, time) {
            true => SUM_UP_EVERY,
            false => SUM_UP_AT_HEAD_EVERY,
        };
        let progress = progress(health);
        if now < self.summed_up + pause || progress == self.progress {
            return None;
        }
        self.summed_up = now;
        self.progress.clone_from(&progress);
        let outlook = outlook(health, time);
        Some(Line::Summary {
            table: table.to_owned(),
            state: name(health.state),
            progress,
            outlook,
        })
    }
}

impl Line {
    pub(super) fn log(&self) {
        match self {
            Self::State { table, state, block, head } => {
                tracing::info!(table, block, head, "{state}");
            }
            Self::Summary { table, state, progress, outlook } => {
                let Progress { block, rows, commits, reorgs } = progress;
                let Outlook { head, lag_blocks, lag, rows_per_second, eta } = outlook;
                let lag_s = lag.map(|lag| lag.as_secs());
                let rows_per_s = rows_per_second.round();
                let eta_s = eta.map(|eta| eta.as_secs());
                tracing::info!(
                    table, state, block, head, lag_blocks, lag_s, rows_per_s, eta_s, rows, commits,
                    reorgs, "progress"
                );
            }
            Self::Stalled { table, block, head, quiet } => {
                let quiet_s = quiet.as_secs();
                let remedy = "see whether the server itself gets on with the dataset";
                tracing::warn!(
                    table,
                    block,
                    head,
                    quiet_s,
                    remedy,
                    "stalled: behind, and no progress"
                );
            }
            Self::Moving { table, block } => tracing::info!(table, block, "no longer stalled"),
        }
    }
}

fn block(health: &TableHealth) -> Option<u64> {
    health.cursor.as_ref().map(|cursor| cursor.number.get())
}

fn head(health: &TableHealth) -> Option<u64> {
    health.head.map(|head| head.number.get())
}

fn progress(health: &TableHealth) -> Progress {
    Progress {
        block: block(health),
        rows: health.rows,
        commits: health.commits,
        reorgs: health.reorgs,
    }
}

fn outlook(health: &TableHealth, time: SystemTime) -> Outlook {
    let lag_blocks = health.lag_blocks();
    Outlook {
        head: head(health),
        lag_blocks,
        lag: health.lag(time),
        rows_per_second: health.rows_per_second(time),
        eta: health.eta(time).filter(|_| lag_blocks != Some(0)),
    }
}

#[cfg(test)]
mod tests {
    use sync_core::{Head, TableState};

    use super::*;

    /// A moment so many seconds after the start.
    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn health(state: TableState, rows: u64) -> TableHealth {
        let mut health = TableHealth::new(at(0));
        health.state = state;
        health.rows = rows;
        health.commits = rows;
        health
    }

    /// What is told when the board of one table is looked at again and again.
    struct Looks {
        reporter: Reporter,
        start: Instant,
    }

    impl Looks {
        fn new() -> Self {
            let start = Instant::now();
            Self { reporter: Reporter::new(start), start }
        }

        fn look(&mut self, health: TableHealth, second: u64) -> Vec<&'static str> {
            let board = BTreeMap::from([("logs".to_owned(), health)]);
            let now = self.start + Duration::from_secs(second);
            let text = |line: &Line| match line {
                Line::State { state, .. } => *state,
                Line::Summary { .. } => "progress",
                Line::Stalled { .. } => "stalled",
                Line::Moving { .. } => "moving",
            };
            self.reporter.look(&board, now, at(second)).iter().map(text).collect()
        }
    }

    #[test]
    fn that_a_table_streams_is_told_once_until_it_is_interrupted() {
        let mut looks = Looks::new();
        let mut look = |state| looks.look(health(state, 0), 0);
        assert!(look(TableState::Starting).is_empty());
        assert_eq!(look(TableState::CatchingUp), ["catching up"]);
        assert!(look(TableState::Live).is_empty());
        assert!(look(TableState::BackingOff { attempt: 1 }).is_empty());
        assert_eq!(look(TableState::Live), ["live"]);
    }

    #[test]
    fn a_table_is_summed_up_when_it_is_due_and_something_has_moved() {
        for (state, word, every) in
            [(TableState::CatchingUp, "catching up", 30), (TableState::Live, "live", 300)]
        {
            let mut looks = Looks::new();
            let mut look = |rows, second| looks.look(health(state, rows), second);
            assert_eq!(look(0, 0), [word]);
            assert!(look(5, every - 1).is_empty(), "{word}");
            assert_eq!(look(5, every), ["progress"], "{word}");
            assert!(look(6, 2 * every - 1).is_empty(), "{word}");
            assert_eq!(look(6, 2 * every), ["progress"], "{word}");
            assert!(look(6, 9_999).is_empty(), "{word}: nothing has moved");
            assert_eq!(look(7, 10_000), ["progress"], "{word}");
        }
    }

    #[test]
    fn a_table_that_has_stalled_is_told_of_until_it_gets_on() {
        let mut looks = Looks::new();
        let behind = |progressed| {
            let mut health = health(TableState::Live, 0);
            health.head = Some(Head { number: 9_u32.into(), seen: at(0) });
            health.behind_since = Some(at(0));
            health.progressed = at(progressed);
            health
        };
        assert_eq!(looks.look(behind(0), 0), ["live"]);
        assert!(looks.look(behind(0), 300).is_empty());
        assert_eq!(looks.look(behind(0), 301), ["stalled"]);
        assert!(looks.look(behind(0), 600).is_empty());
        assert_eq!(looks.look(behind(0), 601), ["stalled"]);
        assert_eq!(looks.look(behind(602), 602), ["moving"]);
    }

    #[test]
    fn a_summary_tells_how_far_it_is() {
        let mut health = health(TableState::CatchingUp, 0);
        health.provisional = Some(10_u32.into());
        health.head = Some(Head { number: 30_u32.into(), seen: at(0) });
        health.cursor_time = Some(at(100));
        let outlook = outlook(&health, at(400));
        assert_eq!((outlook.head, outlook.lag_blocks), (Some(30), Some(20)));
        assert_eq!((outlook.lag, outlook.eta), (Some(Duration::from_secs(300)), None));
    }
}
