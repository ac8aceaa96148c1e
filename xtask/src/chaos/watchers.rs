//! Who looks on: readers of every table, and a look at the sessions of PostgreSQL.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ampsync_testkit::postgres::connect;
use ampsync_testkit::snapshot::{Known, Reader, Report, Watched};
use anyhow::{Context, Result, anyhow};
use nozzle_sim::{BlockHash, Chain, Table};
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_postgres::Config;

/// How long a reader rests between two snapshots, each of which reads its whole table.
const PAUSE: Duration = Duration::from_millis(40);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a process may seem to have too many connections: PostgreSQL learns late of some that
/// were given up.
const CROWDED_MAX: Duration = Duration::from_secs(20);
/// How long a transaction may be open without doing anything before it is told of.
const IDLE_SECONDS: i32 = 5;

/// The readers of all tables.
#[derive(Debug)]
pub(super) struct Watchers(Mutex<Vec<(String, Reader)>>);

/// What the readers have seen.
#[derive(Debug)]
pub(super) struct Seen(Vec<(String, Report)>);

impl Watchers {
    pub(super) fn start<C>(tables: &[Table], config: &Config, chain: C) -> Self
    where
        C: Fn() -> Arc<Chain> + Clone + Send + Sync + 'static,
    {
        let reader = |table: &Table| {
            let name = table.name().to_owned();
            let hash = if name == "blocks" { "hash" } else { "block_hash" };
            let watched = Watched {
                table: format!("\"{name}\""),
                number: "_block_num".to_owned(),
                hash: hash.to_owned(),
            };
            let (chain, table) = (chain.clone(), table.clone());
            let reader = Reader::start_every(PAUSE, config.clone(), &watched, move |view| {
                let chain = chain();
                view.is_one_fork(|hash| known(&chain, &table, hash))
            });
            (name, reader)
        };
        Self(Mutex::new(tables.iter().map(reader).collect()))
    }

    /// Returns when a reader has refused what it saw.
    pub(super) async fn broken(&self) {
        while !self.0.lock().await.iter().any(|(_, reader)| reader.has_ended()) {
            sleep(LOOK_EVERY).await;
        }
    }

    /// Stops the readers.
    ///
    /// # Errors
    /// When one of them has refused what it saw.
    pub(super) async fn finish(&self) -> Result<Seen> {
        let readers = std::mem::take(&mut *self.0.lock().await);
        let mut seen = Vec::new();
        for (table, reader) in readers {
            if !reader.has_ended() {
                reader.more(2).await;
            }
            let report = reader.finish().await;
            seen.push((table.clone(), report.with_context(|| format!("a reader of {table}"))?));
        }
        Ok(Seen(seen))
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total =
            |of: fn(&Report) -> u64| self.0.iter().map(|(_, report)| of(report)).sum::<u64>();
        let (snapshots, changes) = (total(|r| r.snapshots), total(|r| r.changes));
        write!(f, "{snapshots} snapshots, {changes} of them new, each of one fork in whole blocks")
    }
}

fn known(chain: &Chain, table: &Table, hash: &str) -> Option<Known> {
    let block = chain.by_hash(&hash.parse::<BlockHash>().ok()?)?;
    Some(Known {
        number: i64::try_from(block.number).ok()?,
        parent: block.parent.to_string(),
        rows: i64::from(table.row_count(block)),
    })
}

/// Looks at PostgreSQL's sessions for ever; returns when a process has had more than `limit` for
/// too long. `excused` says when that proves nothing.
pub(super) async fn sessions(
    config: &Config,
    limit: i64,
    excused: impl Fn() -> bool,
) -> anyhow::Error {
    let (mut crowded, mut idle_told) = (None, false);
    loop {
        sleep(LOOK_EVERY).await;
        let Ok((most, idle)) = look(config).await else {
            crowded = None;
            continue;
        };
        if idle > 0 && !std::mem::replace(&mut idle_told, true) {
            println!("note: a transaction was idle for more than {IDLE_SECONDS} s");
        }
        if most <= limit || excused() {
            crowded = None;
            continue;
        }
        let since = *crowded.get_or_insert_with(Instant::now);
        if since.elapsed() > CROWDED_MAX {
            return anyhow!("one ampsync has {most} connections, not {limit} at the most");
        }
    }
}

/// The most sessions of one process, and how many are idle in a transaction.
async fn look(config: &Config) -> Result<(i64, i64)> {
    let session = connect(config).await?;
    let query = "SELECT coalesce(max(n), 0)::bigint, coalesce(sum(idle), 0)::bigint FROM ( \
                   SELECT count(*) AS n, count(*) FILTER (WHERE state = 'idle in transaction' \
                     AND state_change < now() - make_interval(secs => $1::int)) AS idle \
                   FROM pg_stat_activity WHERE usename = 'chaos' GROUP BY application_name \
                 ) AS processes";
    let row = session.query_one(query, &[&IDLE_SECONDS]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
