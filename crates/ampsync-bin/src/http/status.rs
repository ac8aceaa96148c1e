use std::collections::BTreeMap;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sync_core::chain::BlockNum;
use sync_core::{TableError, TableHealth, TableState};

use super::Scene;
use super::readiness::Readiness;
use crate::reload::{Last, Outcome};

/// Everything there is to tell. Names are an interface: they are added to, and not changed.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    dataset: String,
    /// The moment all of this is of.
    now: String,
    started: String,
    uptime_seconds: f64,
    #[serde(flatten)]
    readiness: Readiness,
    database_connections: Connections,
    buffered_bytes: usize,
    memory_limit_bytes: usize,
    /// The last time that the settings were read again, if they were.
    reload: Option<Reload>,
    /// The tables that are about to be replaced by another revision.
    revisions: Vec<Revision>,
    tables: Vec<Table>,
}

#[derive(Debug, Serialize)]
struct Revision {
    table: String,
    /// What keeps the new one from taking its place, beside that it has to come as far.
    blocked: Option<String>,
}

#[derive(Debug, Serialize)]
struct Reload {
    at: String,
    cause: String,
    /// `applied`, `unchanged` or `failed`.
    outcome: &'static str,
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    error: Option<String>,
    /// Whether it is tried again by itself.
    retried: bool,
    /// Settings whose change takes a restart.
    needs_restart: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Connections {
    used: usize,
    idle: usize,
    max: usize,
    waiting: usize,
}

#[derive(Debug, Serialize)]
struct Table {
    table: String,
    state: &'static str,
    since: String,
    /// How many attempts in a row have failed, while it is trying again.
    attempt: Option<u32>,
    ready: bool,
    stalled: bool,
    network: Option<String>,
    cursor_block: Option<u64>,
    cursor_hash: Option<String>,
    provisional_block: Option<u64>,
    head_block: Option<u64>,
    lag_blocks: Option<u64>,
    lag_seconds: Option<f64>,
    eta_seconds: Option<f64>,
    rows: u64,
    bytes: u64,
    batches: u64,
    commits: u64,
    rows_per_second: f64,
    blocks_per_second: f64,
    buffered_bytes: usize,
    last_commit: Option<String>,
    reorgs: u64,
    reorg_rows: u64,
    last_reorg: Option<Reorg>,
    /// How often its stream was opened again.
    restarts: u64,
    retries: BTreeMap<&'static str, u64>,
    /// The last error, unless it has passed.
    error: Option<Problem>,
    /// The last error, also when it has long passed.
    last_error: Option<Problem>,
}

#[derive(Debug, Serialize)]
struct Reorg {
    at: String,
    first_block: u64,
    last_block: u64,
    depth_blocks: u64,
    rows: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Problem {
    at: String,
    class: &'static str,
    message: String,
    remedy: Option<String>,
}

impl Status {
    pub(super) fn of(scene: &Scene) -> Self {
        let moment = scene.moment();
        let memory = scene.memory();
        let reloads = scene.reloads.tally();
        let connections = scene.database.connections();
        let now = moment.now;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            dataset: reloads.dataset,
            now: time(now),
            started: time(scene.started.at),
            uptime_seconds: scene.started.since.elapsed().as_secs_f64(),
            readiness: Readiness::of(&moment),
            database_connections: Connections {
                used: connections.used,
                idle: connections.idle,
                max: connections.max,
                waiting: connections.waiting,
            },
            buffered_bytes: memory.used_bytes,
            memory_limit_bytes: memory.limit_bytes,
            reload: reloads.last.map(reload),
            revisions: revisions(scene),
            tables: moment.tables.iter().map(|(name, health)| table(name, health, now)).collect(),
        }
    }
}

fn revisions(scene: &Scene) -> Vec<Revision> {
    let pending = scene.pending.snapshot().into_iter();
    pending.map(|(table, blocked)| Revision { table, blocked }).collect()
}

fn reload(last: Last) -> Reload {
    let outcome = last.outcome.name();
    let (mut lists, mut error, mut again) = <([Vec<String>; 3], _, _)>::default();
    match last.outcome {
        Outcome::Applied { added, removed, changed } => lists = [added, removed, changed],
        Outcome::Unchanged => {}
        Outcome::Failed { message, retried } => (error, again) = (Some(message), retried),
    }
    let [added, removed, changed] = lists;
    Reload {
        at: time(last.at),
        cause: last.cause,
        outcome,
        added,
        removed,
        changed,
        error,
        retried: again,
        needs_restart: last.needs_restart,
    }
}

fn table(name: &str, health: &TableHealth, now: SystemTime) -> Table {
    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    Table {
        table: name.to_owned(),
        state: health.state.as_str(),
        since: time(health.since),
        attempt: match health.state {
            TableState::BackingOff { attempt } => Some(attempt),
            TableState::Starting
            | TableState::Standby
            | TableState::NotReady
            | TableState::Live
            | TableState::CatchingUp
            | TableState::Stopped => None,
        },
        ready: health.readiness(now).is_ok(),
        stalled: health.stalled(now).is_some(),
        network: health.network.as_ref().map(ToString::to_string),
        cursor_block: health.cursor.as_ref().map(|cursor| cursor.number.get()),
        cursor_hash: health.cursor.as_ref().map(|cursor| cursor.hash.to_string()),
        provisional_block: health.provisional.map(BlockNum::get),
        head_block: health.head.map(|head| head.number.get()),
        lag_blocks: health.lag_blocks(),
        lag_seconds: health.lag(now).map(seconds),
        eta_seconds: health.eta(now).filter(|eta| !eta.is_zero()).map(seconds),
        rows: health.rows,
        bytes: health.bytes,
        batches: health.batches,
        commits: health.commits,
        rows_per_second: health.rows_per_second(now),
        blocks_per_second: health.blocks_per_second(now),
        buffered_bytes: health.buffered_bytes,
        last_commit: health.last_commit.map(time),
        reorgs: health.reorgs,
        reorg_rows: health.reorg_rows,
        last_reorg: health.last_reorg.as_ref().map(|reorg| Reorg {
            at: time(reorg.at),
            first_block: reorg.start.get(),
            last_block: reorg.end.get(),
            depth_blocks: reorg.blocks(),
            rows: reorg.rows,
        }),
        restarts: health.sessions.saturating_sub(1),
        retries: health.retries.iter().map(|(class, times)| (class.as_str(), *times)).collect(),
        error: health.current_error().map(problem),
        last_error: health.last_error.as_ref().map(problem),
    }
}

fn problem(error: &TableError) -> Problem {
    Problem {
        at: time(error.at),
        class: error.class.as_str(),
        message: error.message.clone(),
        remedy: error.remedy.clone(),
    }
}

/// Such as `2026-03-01T12:00:00.000Z`.
fn time(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}
