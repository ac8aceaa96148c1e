//! What a concurrent reader of a table sees.
//!
//! A [`Reader`] takes one snapshot after the other while something else writes, and hands each to
//! a check: that no block is there twice, in two forks, or in half.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::{Config, IsolationLevel};
use tokio_util::sync::CancellationToken;

use crate::postgres::{Session, connect};

/// How long the reader waits between two snapshots, so that it does not starve the writer.
const PAUSE: Duration = Duration::from_millis(3);

/// Which rows to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The table, as SQL.
    pub table: String,
    /// The column of the block number, as SQL: an integer.
    pub number: String,
    /// The column of the block's hash, as SQL: `bytea`.
    pub hash: String,
}

/// The blocks of one snapshot, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// How many rows there are of each block, by number and hash.
    pub blocks: Vec<BlockRows>,
}

/// The rows of one block in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRows {
    /// The block's number.
    pub number: i64,
    /// Its hash: `0x` and lower-case hex digits.
    pub hash: String,
    /// How many rows it has.
    pub rows: i64,
}

impl View {
    /// The lowest block that is there with more than one hash.
    #[must_use]
    pub fn forked(&self) -> Option<i64> {
        let mut pairs = self.blocks.iter().zip(self.blocks.iter().skip(1));
        pairs.find(|(a, b)| a.number == b.number).map(|(a, _)| a.number)
    }

    /// Checks that the snapshot has whole blocks of one fork, from the first block up to its
    /// highest one without a gap. `known` tells of a block by its hash, on whatever fork it is.
    ///
    /// # Errors
    /// When it has not; the error says which block is wrong and how.
    pub fn is_one_fork(&self, known: impl Fn(&str) -> Option<Known>) -> Result<(), String> {
        if let Some(number) = self.forked() {
            return Err(format!("block {number} is there on two forks"));
        }
        let Some(top) = self.blocks.last() else { return Ok(()) };
        let rows: HashMap<i64, &BlockRows> =
            self.blocks.iter().map(|block| (block.number, block)).collect();
        let mut hash = top.hash.clone();
        let mut block = known(&hash).ok_or_else(|| format!("block {hash} never was"))?;
        let mut seen = 0;
        loop {
            let (number, wanted) = (block.number, block.rows);
            match rows.get(&number) {
                Some(found) if found.hash != hash => {
                    let rows = found.rows;
                    return Err(format!(
                        "block {number} ({rows} rows) is of another fork than the top"
                    ));
                }
                Some(found) if found.rows != wanted => {
                    return Err(format!("block {number} has {} rows, not {wanted}", found.rows));
                }
                Some(_) => seen += 1,
                None if wanted > 0 => return Err(format!("block {number} is missing")),
                None => {}
            }
            hash = block.parent;
            match known(&hash) {
                Some(parent) => block = parent,
                None => break,
            }
        }
        if seen == self.blocks.len() {
            Ok(())
        } else {
            Err("there are rows of unknown blocks".to_owned())
        }
    }
}

/// What is known of a block, on whatever fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub number: i64,
    /// The hash of the block below, which nobody knows where there is none.
    pub parent: String,
    /// How many rows of the watched table it has.
    pub rows: i64,
}

/// How much a reader has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many snapshots it took.
    pub snapshots: u64,
    /// How many of them differed from the one before.
    pub changes: u64,
}

/// A snapshot that the check has refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("snapshot {number} is broken: {reason}")]
pub struct Violation {
    /// Which, counted from 1.
    pub number: u64,
    /// What the check said.
    pub reason: String,
    /// The snapshot.
    pub view: View,
}

/// Reads a table over and over, until it is stopped or the check refuses what it saw.
///
/// A server that is away, or a table that is not there yet, is waited for.
#[derive(Debug)]
pub struct Reader {
    stop: CancellationToken,
    seen: watch::Receiver<u64>,
    task: JoinSet<Result<Report, Violation>>,
}

impl Reader {
    /// Starts reading. `check` says what is wrong with a snapshot.
    pub fn start<C>(config: Config, watched: &Watched, check: C) -> Self
    where
        C: FnMut(&View) -> Result<(), String> + Send + 'static,
    {
        Self::start_every(PAUSE, config, watched, check)
    }

    /// The same with a pause of the caller's choice between two snapshots.
    pub fn start_every<C>(pause: Duration, config: Config, watched: &Watched, check: C) -> Self
    where
        C: FnMut(&View) -> Result<(), String> + Send + 'static,
    {
        let Watched { table, number, hash } = watched;
        let query = format!(
            "SELECT {number}::bigint, '0x' || encode({hash}, 'hex'), count(*) FROM {table} \
             GROUP BY 1, 2 ORDER BY 1, 2"
        );
        let stop = CancellationToken::new();
        let (told, seen) = watch::channel(0);
        let mut task = JoinSet::new();
        task.spawn(read(pause, config, query, check, stop.clone(), told));
        Self { stop, seen, task }
    }

    /// Waits until the reader has taken this many snapshots more, or was refused one.
    pub async fn more(&self, snapshots: u64) {
        let mut seen = self.seen.clone();
        let enough = *seen.borrow() + snapshots;
        // An error says that the reader has ended, which `finish` explains.
        seen.wait_for(|seen| *seen >= enough).await.ok();
    }

    /// Whether the check has refused a snapshot, or has panicked.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.seen.has_changed().is_err()
    }

    /// Stops reading.
    ///
    /// # Errors
    /// When the check has refused a snapshot.
    ///
    /// # Panics
    /// When the check has.
    pub async fn finish(mut self) -> Result<Report, Violation> {
        self.stop.cancel();
        match self.task.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            None => Ok(Report::default()),
        }
    }
}

async fn read<C>(
    pause: Duration,
    config: Config,
    query: String,
    mut check: C,
    stop: CancellationToken,
    told: watch::Sender<u64>,
) -> Result<Report, Violation>
where
    C: FnMut(&View) -> Result<(), String>,
{
    let mut report = Report::default();
    let mut last = None;
    let mut session = None;
    loop {
        let snapshot = stop.run_until_cancelled(snapshot(&config, &mut session, &query)).await;
        match snapshot {
            None => return Ok(report),
            Some(Ok(view)) => {
                report.snapshots += 1;
                report.changes += u64::from(last.as_ref() != Some(&view));
                if let Err(reason) = check(&view) {
                    return Err(Violation { number: report.snapshots, reason, view });
                }
                told.send_replace(report.snapshots);
                last = Some(view);
            }
            Some(Err(_away)) => session = None,
        }
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Ok(report);
        }
    }
}

async fn snapshot(
    config: &Config,
    session: &mut Option<Session>,
    query: &str,
) -> Result<View, tokio_postgres::Error> {
    let session = match session {
        Some(session) => session,
        None => session.insert(connect(config).await?),
    };
    let transaction = session
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let rows = transaction.query(query, &[]).await?;
    transaction.commit().await?;
    let blocks = rows
        .iter()
        .map(|row| {
            let (number, hash, rows) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(BlockRows { number, hash, rows })
        })
        .collect::<Result<_, _>>()?;
    Ok(View { blocks })
}
