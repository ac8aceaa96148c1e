use std::collections::BTreeMap;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::error;
use tracing::field::display;

use crate::config::EngineConfig;
use crate::drive::{Backoff, Crowd, MemoryBudget, TableDriver, Waited, drive};
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

impl<Src, MakeSink> TableSync<Src, MakeSink> {
    /// The table called `table`, of the rows of `query`, which belongs to `dataset`. Their block
    /// number is in the column `_block_num`, unless [`block_column`](Self::block_column) is set.
    pub fn new(table: &str, dataset: &str, query: &str, source: Src, make_sink: MakeSink) -> Self {
        Self {
            table: table.to_owned(),
            dataset: dataset.to_owned(),
            query: query.to_owned(),
            block_column: "_block_num".to_owned(),
            source,
            make_sink,
        }
    }
}

/// How a table's sync ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked to stop, and did.
    Clean,
    /// It stopped for good because of an error that cannot pass by itself.
    Stopped(TableError),
}

/// Tables that are kept in step, to which others can be added and from which they can be removed
/// while the rest go on undisturbed.
///
/// A table that fails is retried for ever; one that cannot go on stops alone; a panic in one is
/// reported, and the table restarted. Dropping the engine stops everything at once; the tables
/// stay consistent, as after a crash.
#[derive(Debug)]
pub struct Engine<Src, MakeSink> {
    config: EngineConfig,
    budget: MemoryBudget,
    crowd: Crowd,
    health: Arc<HealthBoard>,
    shutdown: CancellationToken,
    tasks: JoinSet<Outcome>,
    tables: BTreeMap<String, Running>,
    kind: PhantomData<fn() -> (Src, MakeSink)>,
}

/// One table of an engine.
#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    task: AbortHandle,
    /// How it ended, once it has.
    outcome: Option<Outcome>,
}

/// There is a table of this name already, and two of a name could not be told apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine has a table \"{0}\" already")]
pub struct TableExists(pub String);

impl<Src, Snk, MakeSink> Engine<Src, MakeSink>
where
    Src: Source + 'static,
    Snk: Sink + 'static,
    MakeSink: Fn() -> Snk + Send + Sync + 'static,
{
    /// An engine without tables. All that are added share the memory and the board, and stop with
    /// `shutdown`.
    #[must_use]
    pub fn new(
        config: EngineConfig,
        health: Arc<HealthBoard>,
        shutdown: CancellationToken,
    ) -> Self {
        let budget = MemoryBudget::new(config.memory_limit_bytes);
        health.set_budget(budget.clone());
        let (tasks, tables, kind) = (JoinSet::new(), BTreeMap::new(), PhantomData);
        let crowd = Crowd::default();
        Self { config, budget, crowd, health, shutdown, tasks, tables, kind }
    }

    /// Starts a table, inside of a runtime. It is on the board from here on.
    ///
    /// # Errors
    /// When there is one of this name that has not been [removed](Self::remove).
    pub fn add(&mut self, sync: TableSync<Src, MakeSink>) -> Result<(), TableExists> {
        let table = sync.table.clone();
        if self.tables.contains_key(&table) {
            return Err(TableExists(table));
        }
        self.health.update(&table, |_, _| {});
        let stop = self.shutdown.child_token();
        let driver = Arc::new(TableDriver {
            sync,
            config: self.config.clone(),
            budget: self.budget.clone(),
            crowd: self.crowd.clone(),
            health: Arc::clone(&self.health),
            shutdown: stop.clone(),
        });
        let task = self.tasks.spawn(supervise(driver));
        self.tables.insert(table, Running { stop, task, outcome: None });
        Ok(())
    }

    /// Asks a table to stop, as a shutdown does: a commit under way is seen through, and what was
    /// not committed is dropped. Waits until it has stopped, at most `grace`; then it is stopped
    /// at once, as by a crash. Its rows and its checkpoint stay, the right to write it is given
    /// back, and it leaves the board. `None` if there is no such table.
    ///
    /// # Cancellation
    /// Dropping the future leaves the table stopping; it can be waited for again.
    pub async fn remove(&mut self, table: &str, grace: Duration) -> Option<Outcome> {
        self.tables.get(table)?.stop.cancel();
        let stopped = timeout(grace, self.until(|tables| has_ended(tables.get(table)))).await;
        if stopped.is_err() {
            self.tables.get(table)?.task.abort();
            self.until(|tables| has_ended(tables.get(table))).await;
        }
        let removed = self.tables.remove(table)?;
        self.health.remove(table);
        removed.outcome
    }

    /// The names of the tables, whether they run or have ended.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Waits until every table has ended: after a shutdown, or because each has stopped for good.
    /// Returns how each ended.
    ///
    /// # Cancellation
    /// Dropping the future changes nothing; it can be waited again.
    pub async fn ended(&mut self) -> BTreeMap<String, Outcome> {
        let health = Arc::clone(&self.health);
        tokio::select! {
            () = self.until(|tables| tables.values().all(|table| has_ended(Some(table)))) => {}
            never = remind(&health) => match never {},
        }
        let ended = self.tables.iter();
        ended
            .filter_map(|(table, running)| Some((table.clone(), running.outcome.clone()?)))
            .collect()
    }

    /// Notes which tables end, until it is enough.
    async fn until(&mut self, enough: impl Fn(&BTreeMap<String, Running>) -> bool) {
        while !enough(&self.tables) {
            let (id, outcome) = match self.tasks.join_next_with_id().await {
                Some(Ok((id, outcome))) => (id, outcome),
                // Only what was stopped at once ends so: a panic is met in the task itself.
                Some(Err(error)) => (error.id(), Outcome::Clean),
                None => return,
            };
            if let Some(table) = self.tables.values_mut().find(|table| table.task.id() == id) {
                table.outcome = Some(outcome);
            }
        }
    }
}

fn has_ended(table: Option<&Running>) -> bool {
    table.is_none_or(|table| table.outcome.is_some())
}

/// Keeps all tables in step until `shutdown`, or until every one of them has stopped for good.
/// Returns how each ended, in the order given. An [`Engine`] whose tables stay the same.
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
    let mut engine = Engine::new(config, health, shutdown);
    let mut names = Vec::new();
    for sync in tables {
        let table = sync.table.clone();
        match engine.add(sync) {
            Ok(()) => names.push(table),
            Err(error) => error!(table, %error, "the second of a name is left out"),
        }
    }
    let mut outcomes = engine.ended().await;
    names.into_iter().filter_map(|table| outcomes.remove_entry(&table)).collect()
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
