use std::time::{SystemTime, UNIX_EPOCH};

use sync_core::{FailureClass, Histogram, TableHealth, TableState};

use super::super::Scene;
use super::super::readiness::Readiness;
use super::super::scene::Moment;
use super::catalogue::{self as metric, Metric};
use super::text::{Number, Samples, Text};
use crate::reload::{Outcome, Tally};

/// Every state, each of which has a series from the start.
const STATES: [TableState; 7] = [
    TableState::Starting,
    TableState::Standby,
    TableState::NotReady,
    TableState::Live,
    TableState::CatchingUp,
    TableState::BackingOff { attempt: 0 },
    TableState::Stopped,
];

/// Everything there is to measure, of this moment.
pub(in super::super) fn render(scene: &Scene) -> String {
    let moment = scene.moment();
    let mut text = Text::default();
    process(&mut text, scene, &moment);
    reloads(&mut text, &scene.reloads.tally());
    let mut tables = Tables { text: &mut text, moment: &moment };
    tables.doing();
    tables.blocks();
    tables.writing();
    tables.trouble();
    revisions(&mut tables, scene);
    text.finish()
}

fn process(text: &mut Text, scene: &Scene, moment: &Moment) {
    let version = [env!("CARGO_PKG_VERSION"), option_env!("AMPSYNC_COMMIT").unwrap_or("unknown")];
    let (memory, connections) = (scene.memory(), scene.database.connections());
    let mut value =
        |metric, number: Number| text.metric(metric, |samples| samples.value(&[], number));
    value(&metric::START_TIME, unix(scene.started.at));
    value(&metric::READY, Readiness::of(moment).ready.into());
    value(&metric::MEMORY_LIMIT, memory.limit_bytes.into());
    value(&metric::MEMORY_USED, memory.used_bytes.into());
    value(&metric::CONNECTIONS_MAX, connections.max.into());
    value(&metric::CONNECTIONS_WAITING, connections.waiting.into());
    text.metric(&metric::BUILD_INFO, |samples| samples.value(&version, true));
    text.metric(&metric::CONNECTIONS, |samples| {
        samples.value(&["used"], connections.used);
        samples.value(&["idle"], connections.idle);
    });
}

fn reloads(text: &mut Text, tally: &Tally) {
    text.metric(&metric::RELOADS, |samples| {
        samples.value(&["applied"], tally.applied);
        samples.value(&["unchanged"], tally.unchanged);
        samples.value(&["failed"], tally.failed);
    });
    let last = tally.last.as_ref();
    let is_ok = last.is_none_or(|last| !matches!(last.outcome, Outcome::Failed { .. }));
    text.metric(&metric::RELOAD_OK, |samples| samples.value(&[], is_ok));
    let at = last.map_or(UNIX_EPOCH, |last| last.at);
    text.metric(&metric::LAST_RELOAD, |samples| samples.value(&[], unix(at)));
}

fn revisions(tables: &mut Tables<'_>, scene: &Scene) {
    let pending = scene.pending.snapshot();
    let is_pending = |table: &str| pending.contains_key(table);
    let is_blocked = |table: &str| pending.get(table).is_some_and(Option::is_some);
    tables.each(&metric::REVISION_PENDING, |samples, table, _| {
        samples.value(&[table], is_pending(table));
    });
    tables.each(&metric::REVISION_BLOCKED, |samples, table, _| {
        samples.value(&[table], is_blocked(table));
    });
}

/// What is told of each table.
struct Tables<'a> {
    text: &'a mut Text,
    moment: &'a Moment,
}

impl Tables<'_> {
    fn doing(&mut self) {
        self.each(&metric::TABLE_STATE, |samples, table, health| {
            for state in STATES.map(TableState::as_str) {
                samples.value(&[table, state], state == health.state.as_str());
            }
        });
        let now = self.moment.now;
        self.value(&metric::TABLE_READY, |health| Some(health.readiness(now).is_ok()));
        self.value(&metric::TABLE_STALLED, |health| Some(health.stalled(now).is_some()));
    }

    fn blocks(&mut self) {
        let now = self.moment.now;
        self.of_chain(&metric::CURSOR_BLOCK, |health| {
            Some(health.cursor.as_ref()?.number.get().into())
        });
        self.of_chain(&metric::PROVISIONAL_BLOCK, |health| Some(health.reached()?.get().into()));
        self.of_chain(&metric::HEAD_BLOCK, |health| Some(health.head?.number.get().into()));
        self.of_chain(&metric::LAG_BLOCKS, |health| Some(health.lag_blocks()?.into()));
        self.of_chain(&metric::LAG_SECONDS, |health| Some(health.lag(now)?.as_secs_f64().into()));
    }

    fn writing(&mut self) {
        self.value(&metric::ROWS, |health| Some(health.rows));
        self.value(&metric::BYTES, |health| Some(health.bytes));
        self.value(&metric::BATCHES, |health| Some(health.batches));
        self.value(&metric::COMMITS, |health| Some(health.commits));
        self.value(&metric::LAST_COMMIT, |health| health.last_commit.map(unix));
        self.histogram(&metric::FLUSH_SECONDS, |health| &health.flush_time);
        self.histogram(&metric::COMMIT_SECONDS, |health| &health.commit_time);
        self.value(&metric::BUFFERED_BYTES, |health| Some(health.buffered_bytes));
    }

    fn trouble(&mut self) {
        self.value(&metric::REORGS, |health| Some(health.reorgs));
        self.histogram(&metric::REORG_DEPTH, |health| &health.reorg_depth);
        self.value(&metric::REORG_ROWS, |health| Some(health.reorg_rows));
        self.each(&metric::RETRIES, |samples, table, health| {
            for class in FailureClass::ALL {
                let times = health.retries.get(&class).copied().unwrap_or(0);
                samples.value(&[table, class.as_str()], times);
            }
        });
        self.value(&metric::RESTARTS, |health| Some(health.sessions.saturating_sub(1)));
    }

    fn value<N: Into<Number>>(
        &mut self,
        metric: &'static Metric,
        number: impl Fn(&TableHealth) -> Option<N>,
    ) {
        self.each(metric, |samples, table, health| samples.known(&[table], number(health)));
    }

    /// A number that means something on the table's network alone.
    fn of_chain(
        &mut self,
        metric: &'static Metric,
        number: impl Fn(&TableHealth) -> Option<Number>,
    ) {
        self.each(metric, |samples, table, health| {
            if let Some(network) = &health.network {
                samples.known(&[table, network.as_str()], number(health));
            }
        });
    }

    fn histogram(&mut self, metric: &'static Metric, of: impl Fn(&TableHealth) -> &Histogram) {
        self.each(metric, |samples, table, health| samples.histogram(&[table], of(health)));
    }

    fn each(
        &mut self,
        metric: &'static Metric,
        write: impl Fn(&mut Samples<'_>, &str, &TableHealth),
    ) {
        let tables = &self.moment.tables;
        self.text.metric(metric, |samples| {
            tables.iter().for_each(|(table, health)| write(samples, table, health));
        });
    }
}

fn unix(time: SystemTime) -> Number {
    // A clock before 1970 is none.
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().into()
}
