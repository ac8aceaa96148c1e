use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;
use tracing::field::display;

use crate::config::EngineConfig;
use crate::drive::{Backoff, MemoryBudget, TableDriver, Waited, drive};
use crate::fault::OneLine;
use crate::health::{FailureClass, HealthBoard, TableError, TableHealth, TableState};
use crate::ports::{Sink, Source};

/// How often the log names the tables that have stopped for good.
const REMIND_EVERY: Duration = Duration::from_secs(5 * 60);

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
    health.set_budget(budget.clone());
    // All of them from the start, so that nobody takes the first ones for all.
    tables.iter().for_each(|sync| health.update(&sync.table, |_, _| {}));
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
    let outcomes = tokio::select! {
        outcomes = join_all(outcomes) => outcomes,
        never = remind(&health) => match never {},
    };
    drivers.iter().map(|driver| driver.sync.table.clone()).zip(outcomes).collect()
}

/// Says again and again which tables have stopped for good: a line of long ago is overlooked.
async fn remind(health: &HealthBoard) -> Infallible {
    loop {
        sleep(REMIND_EVERY).await;
        for (table, error) in stopped(&health.snapshot()) {
            let remedy = error.remedy.as_deref().map(OneLine).map(display);
            let error = OneLine(&error.message);
            error!(table, %error, remedy, "the table has stopped for good, and still needs help");
        }
    }
}

/// The tables that have stopped for good, and why.
fn stopped(board: &BTreeMap<String, TableHealth>) -> Vec<(&str, &TableError)> {
    let stopped = board.iter().filter(|(_, health)| health.state == TableState::Stopped);
    stopped
        .filter_map(|(table, health)| Some((table.as_str(), health.last_error.as_ref()?)))
        .collect()
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
        driver.health.update(table, |health, now| {
            health.state = TableState::BackingOff { attempt };
            let remedy = Some("Please report this with the log.".to_owned());
            let class = FailureClass::Panic;
            health.last_error = Some(TableError::new(class, panic.clone(), remedy, now));
            health.retried(class, 1);
        });
        if backoff.wait(&driver.shutdown).await == Waited::Cancelled {
            return Outcome::Clean;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_tables_that_have_stopped_are_told_of_again() {
        let board = HealthBoard::default();
        let error = |text: &str| {
            TableError::new(FailureClass::Server, text.to_owned(), None, SystemTime::UNIX_EPOCH)
        };
        for (table, state) in [
            ("live", TableState::Live),
            ("stopped", TableState::Stopped),
            ("trying", TableState::BackingOff { attempt: 7 }),
        ] {
            board.update(table, |health, _| {
                health.state = state;
                health.last_error = Some(error(table));
            });
        }
        assert_eq!(stopped(&board.snapshot()), [("stopped", &error("stopped"))]);
    }
}
