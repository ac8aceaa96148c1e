use std::sync::Arc;

use futures::future::join_all;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::config::EngineConfig;
use crate::drive::{Backoff, MemoryBudget, TableDriver, Waited, drive};
use crate::health::{HealthBoard, TableError, TableState};
use crate::ports::{Sink, Source};

/// One table to keep in step with its stream.
#[derive(Debug)]
pub struct TableSync<Src, MakeSink> {
    /// The table's name, unique in the process.
    pub table: String,
    /// What the rows are of, such as `ns/name@1.0.0`.
    pub dataset: String,
    /// The query whose rows these are.
    pub query: String,
    /// The column that has each row's block number.
    pub block_column: String,
    /// Where the rows come from.
    pub source: Src,
    /// Makes the sink, at the start and again after a panic.
    pub make_sink: MakeSink,
}

/// How a table's sync ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked to stop, and did.
    Clean,
    /// It stopped for good because of an error that cannot pass by itself.
    Stopped(TableError),
}

/// Keeps all tables in step until `shutdown`, or until every one of them has stopped for good.
/// Returns how each ended, in the order given.
///
/// A table that fails is retried for ever; one that cannot go on stops alone; a panic in one is
/// reported, and the table restarted.
///
/// # Cancellation
/// Dropping the future stops everything at once; the tables stay consistent, as after a crash.
pub async fn run<Src, Snk, MakeSink>(
    tables: Vec<TableSync<Src, MakeSink>>,
    config: EngineConfig,
    health: Arc<HealthBoard>,
    shutdown: CancellationToken,
) -> Vec<(String, Outcome)>
where
    Src: Source + 'static,
    Snk: Sink + 'static,
    MakeSink: Fn() -> Snk + Send + Sync + 'static,
{
    let budget = MemoryBudget::new(config.memory_limit_bytes);
    let drivers: Vec<_> = tables
        .into_iter()
        .map(|sync| {
            Arc::new(TableDriver {
                sync,
                config: config.clone(),
                budget: budget.clone(),
                health: Arc::clone(&health),
                shutdown: shutdown.clone(),
            })
        })
        .collect();
    let outcomes = drivers.iter().map(|driver| supervise(Arc::clone(driver)));
    let outcomes = join_all(outcomes).await;
    drivers.iter().map(|driver| driver.sync.table.clone()).zip(outcomes).collect()
}

/// Runs one table in a task of its own, and again after every panic.
async fn supervise<Src, Snk, MakeSink>(driver: Arc<TableDriver<Src, MakeSink>>) -> Outcome
where
    Src: Source + 'static,
    Snk: Sink + 'static,
    MakeSink: Fn() -> Snk + Send + Sync + 'static,
{
    let mut backoff = Backoff::new(driver.config.retry.clone());
    loop {
        // A set of one: dropping it, with this future, stops the task.
        let mut task = JoinSet::new();
        task.spawn(drive(Arc::clone(&driver)));
        let panic = match task.join_next().await {
            Some(Ok(outcome)) => return outcome,
            Some(Err(error)) => error.to_string(),
            None => "its task is gone".to_owned(),
        };
        let table = driver.sync.table.as_str();
        error!(table, error = panic, "a defect in this program stopped the table: restarting it");
        let attempt = backoff.attempt() + 1;
        driver.health.update(table, |health| {
            health.state = TableState::BackingOff { attempt };
            let remedy = Some("Please report this with the log.".to_owned());
            health.last_error = Some(TableError { message: panic.clone(), remedy });
        });
        if backoff.wait(&driver.shutdown).await == Waited::Cancelled {
            return Outcome::Clean;
        }
    }
}
