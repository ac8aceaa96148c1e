//! Where the chain's head is, asked for beside the streams: so that lag is known, and how long a
//! catch-up will take.
//!
//! The streams do not need it. A probe that fails changes nothing, and is told once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ampsync_manifest::query::{SourceTable, sources};
use nozzle_client::{HeadProbe, SqlClient};
use sync_core::{Causes, HealthBoard, OneLine, TableHealth, TableState};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::plan::PlannedTable;

/// How often it is looked whether a question is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often is asked, at most, while nobody is behind: then the streams themselves tell the head,
/// and only one that no longer does is to be found out.
const AT_HEAD_EVERY: Duration = Duration::from_secs(60);

/// How long something may be missing until a table is behind: a block that has just been made is
/// missing for a moment.
const MOMENT: Duration = Duration::from_secs(2);

/// The probes, one a dataset.
pub(crate) struct Probes {
    groups: Vec<Group>,
    every: Duration,
}

/// The tables of one dataset.
struct Group {
    probe: HeadProbe,
    tables: Vec<String>,
    asked: Option<Instant>,
    /// Whether it was told that the probe fails.
    told: bool,
}

impl Probes {
    /// The probes for these tables; none at all without `every`, or where a query cannot be read.
    pub(crate) fn new(
        client: &SqlClient,
        tables: &[PlannedTable],
        every: Option<Duration>,
    ) -> Self {
        let streams = tables.iter().map(|planned| (planned.table.as_str(), planned.all.as_str()));
        let datasets = if every.is_some() { by_dataset(streams) } else { Vec::new() };
        let group = |(source, tables): (SourceTable, Vec<String>)| Group {
            probe: HeadProbe::new(client.clone(), &source.to_string()),
            tables,
            asked: None,
            told: false,
        };
        let groups = datasets.into_iter().map(group).collect();
        Self { groups, every: every.unwrap_or(AT_HEAD_EVERY) }
    }

    /// Puts the heads on the board, for as long as it is polled.
    pub(crate) async fn follow(mut self, board: &Arc<HealthBoard>) -> Infallible {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = ticks.tick().await;
            for group in &mut self.groups {
                let tables = board.snapshot();
                let mine = group.tables.iter().filter_map(|table| tables.get(table));
                let wait = pause(mine, self.every, SystemTime::now());
                let due = |wait| group.asked.is_none_or(|asked| now >= asked + wait);
                if wait.is_some_and(due) {
                    group.asked = Some(now);
                    group.ask(board).await;
                }
            }
        }
    }
}

impl Group {
    async fn ask(&mut self, board: &HealthBoard) {
        let table = self.probe.table().to_owned();
        match self.probe.ask().await {
            Ok(Some(head)) => {
                tracing::debug!(of = table, %head, "the head of the chain");
                board.head_found(self.tables.iter().map(String::as_str), head);
                self.told = false;
            }
            Ok(None) => {}
            Err(error) => {
                let error = OneLine(Causes(&error)).to_string();
                if std::mem::replace(&mut self.told, true) {
                    tracing::debug!(of = table, error, "the head of the chain is not known");
                } else {
                    let tables = self.tables.join(",");
                    tracing::info!(
                        tables,
                        of = table,
                        error,
                        "the server does not tell where the head of the chain is; the tables are \
                         streamed all the same"
                    );
                }
            }
        }
    }
}

/// How long to wait between two questions about these tables; `None` while none is of use.
fn pause<'a>(
    tables: impl Iterator<Item = &'a TableHealth> + Clone,
    every: Duration,
    now: SystemTime,
) -> Option<Duration> {
    let idle = |health: &TableHealth| {
        matches!(health.state, TableState::Starting | TableState::Standby | TableState::Stopped)
    };
    let long = |since: SystemTime| now.duration_since(since).is_ok_and(|time| time >= MOMENT);
    let behind = |health: &TableHealth| {
        let catching_up = health.state == TableState::CatchingUp && long(health.since);
        health.state.is_streaming()
            && (health.head.is_none() || catching_up || health.behind_since.is_some_and(long))
    };
    if tables.clone().all(idle) {
        return None;
    }
    Some(if tables.clone().any(behind) { every } else { every.max(AT_HEAD_EVERY) })
}

/// By dataset, which of its tables to ask about and whose head that is: the blocks, where they are
/// streamed, because each block has a row there.
fn by_dataset<'a>(
    streams: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<(SourceTable, Vec<String>)> {
    let mut datasets: Vec<(SourceTable, Vec<String>)> = Vec::new();
    for (table, sql) in streams {
        // The tables of one query are of one network, so that any of them tells its head.
        let mut read = sources(sql).into_iter();
        let Some(first) = read.next() else { continue };
        let is_blocks = |source: &SourceTable| source.table.trim_matches('"') == "blocks";
        let source = match is_blocks(&first) {
            true => first,
            false => read.find(|source| is_blocks(source)).unwrap_or(first),
        };
        match datasets.iter_mut().find(|(known, _)| known.dataset == source.dataset) {
            Some((known, tables)) => {
                tables.push(table.to_owned());
                if is_blocks(&source) {
                    *known = source;
                }
            }
            None => datasets.push((source, vec![table.to_owned()])),
        }
    }
    datasets
}

#[cfg(test)]
mod tests {
    use sync_core::Head;

    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn one_table_of_each_dataset_is_asked_about() {
        let streams = [
            ("logs", "SELECT * FROM \"my_org/eth@1.0.0\".logs"),
            ("blocks", "SELECT * FROM \"my_org/eth@1.0.0\".blocks"),
            ("other", "SELECT a FROM base.logs WHERE a > 1"),
            ("joined", "SELECT l.a FROM base.logs l JOIN base.blocks b ON l.h = b.h"),
            ("unreadable", "SELECT"),
        ];
        let datasets: Vec<_> = by_dataset(streams.into_iter())
            .into_iter()
            .map(|(source, tables)| (source.to_string(), tables.join(",")))
            .collect();
        let expected =
            [("\"my_org/eth@1.0.0\".blocks", "logs,blocks"), ("base.blocks", "other,joined")];
        assert_eq!(
            datasets,
            expected.map(|(source, tables)| (source.to_owned(), tables.to_owned()))
        );
    }

    #[test]
    fn questions_are_rare_while_nobody_is_behind() {
        let every = Duration::from_secs(10);
        let table = |state, behind_since: Option<u64>| {
            let mut health = TableHealth::new(at(0));
            health.state = state;
            health.head = Some(Head { number: 9_u32.into(), seen: at(0) });
            health.behind_since = behind_since.map(at);
            health
        };
        let pause = |tables: &[TableHealth]| {
            pause(tables.iter(), every, at(100)).map(|pause| pause.as_secs())
        };
        let live = table(TableState::Live, None);
        assert_eq!(pause(std::slice::from_ref(&live)), Some(60));
        assert_eq!(pause(&[live.clone(), table(TableState::Live, Some(99))]), Some(60));
        assert_eq!(pause(&[live.clone(), table(TableState::Live, Some(90))]), Some(10));
        assert_eq!(pause(&[live, table(TableState::CatchingUp, None)]), Some(10));
        assert_eq!(pause(&[table(TableState::BackingOff { attempt: 1 }, Some(0))]), Some(60));
        assert_eq!(pause(&[table(TableState::Standby, None)]), None);
        let mut unknown = table(TableState::Live, None);
        unknown.head = None;
        assert_eq!(pause(&[unknown]), Some(10));
    }
}
