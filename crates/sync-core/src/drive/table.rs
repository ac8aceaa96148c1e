//! One table, kept going for ever: prepared, opened, followed, and after every failure again from
//! the checkpoint.

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, SchemaRef};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::backoff::{Backoff, LogPace, Waited, pause};
use super::budget::MemoryBudget;
use super::error::{SessionError, describe};
use super::inbox::Inbox;
use super::session::{Ended, Session};
use super::writer::Writer;
use crate::batch::{BatchTarget, Buffer};
use crate::chain::{BlockRange, Cursor};
use crate::checkpoint::Checkpoint;
use crate::config::EngineConfig;
use crate::engine::{Outcome, TableSync};
use crate::fault::{Classify, Fault};
use crate::health::{HealthBoard, TableState};
use crate::machine::Machine;
use crate::ports::{Readiness, Sink, Source, TablePlan};

/// How often a standby asks whether it may take over.
const STANDBY_INTERVAL: Duration = Duration::from_secs(1);

/// Everything one table needs, for as long as the process lives.
pub(crate) struct TableDriver<Src, MakeSink> {
    pub(crate) sync: TableSync<Src, MakeSink>,
    pub(crate) config: EngineConfig,
    pub(crate) budget: MemoryBudget,
    pub(crate) health: Arc<HealthBoard>,
    pub(crate) shutdown: CancellationToken,
}

/// What a table learns and keeps from one session to the next.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) target: BatchTarget,
    /// Whether the server's rows turned out not to be ordered by block.
    pub(super) whole_ranges: bool,
    /// Whether something was committed since this was last asked.
    pub(super) committed: bool,
    /// The state that health was last told.
    pub(super) reported: Option<TableState>,
    /// The stream's columns, until they turn out to have changed.
    schema: Option<SchemaRef>,
}

/// What a session came to.
enum Came<S: Classify, K: Classify> {
    Ended(Ended),
    Standby,
    Failed(SessionError<S, K>),
}

/// Keeps the table in step until a shutdown, or until it stops for good.
pub(crate) async fn drive<Src, Snk, MakeSink>(driver: Arc<TableDriver<Src, MakeSink>>) -> Outcome
where
    Src: Source,
    Snk: Sink + 'static,
    MakeSink: Fn() -> Snk,
{
    let table = driver.sync.table.as_str();
    let retry = &driver.config.retry;
    let mut writer = Writer::new((driver.sync.make_sink)(), retry.clone(), driver.shutdown.clone());
    let mut progress = Progress {
        target: BatchTarget::new(driver.config.batch.clone()),
        whole_ranges: false,
        committed: false,
        reported: None,
        schema: None,
    };
    let mut backoff = Backoff::new(retry.clone());
    let mut pace = LogPace::default();
    loop {
        let came = driver.session(&mut writer, &mut progress).await;
        progress.reported = None;
        if std::mem::take(&mut progress.committed) {
            backoff.reset();
            pace.reset();
        }
        let waited = match came {
            Came::Ended(Ended::Shutdown) => return Outcome::Clean,
            Came::Ended(Ended::NotReady) => {
                driver.set_state(TableState::NotReady);
                if pace.is_due() {
                    info!(table, "the server has nothing to stream yet: asking again");
                }
                backoff.wait(&driver.shutdown).await
            }
            Came::Standby => {
                driver.set_state(TableState::Standby);
                if pace.is_due() {
                    info!(table, "another instance writes this table: standing by");
                }
                backoff.reset();
                pause(STANDBY_INTERVAL, &driver.shutdown).await
            }
            Came::Failed(failure) => match driver.failed(&failure, &backoff, &mut pace) {
                Some(stopped) => return stopped,
                None => backoff.wait(&driver.shutdown).await,
            },
        };
        if waited == Waited::Cancelled {
            return Outcome::Clean;
        }
    }
}

impl<Src: Source, MakeSink> TableDriver<Src, MakeSink> {
    async fn session<Snk: Sink + 'static>(
        &self,
        writer: &mut Writer<Snk>,
        progress: &mut Progress,
    ) -> Came<Src::Error, Snk::Error> {
        let started = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Came::Ended(Ended::Shutdown),
            started = self.start(writer, progress) => started,
        };
        let came = match started {
            Ok(Some((plan, checkpoint, stream))) => {
                let (config, column) = (&self.config, &plan.block_column);
                let retention = config.retention_blocks.get();
                let session = Session {
                    driver: self,
                    plan: &plan,
                    stream,
                    machine: Machine::new(&checkpoint, column, retention, config.beyond_retention),
                    buffer: Buffer::new(checkpoint, column, retention, progress.whole_ranges),
                    progress,
                    inbox: Inbox::new(self.budget.share()),
                };
                session.run(writer).await
            }
            Ok(None) => return Came::Standby,
            Err(failure) => Err(failure),
        };
        match came {
            Ok(ended) => Came::Ended(ended),
            Err(failure) => {
                if matches!(failure, SessionError::SchemaChanged) {
                    progress.schema = None;
                }
                Came::Failed(failure)
            }
        }
    }

    /// Prepares the table and opens the stream from its checkpoint; `None` where another instance
    /// writes the table.
    async fn start<Snk: Sink + 'static>(
        &self,
        writer: &mut Writer<Snk>,
        progress: &mut Progress,
    ) -> Result<Option<(TablePlan, Checkpoint, Src::Stream)>, SessionError<Src::Error, Snk::Error>>
    {
        let source = &self.sync.source;
        let schema = match &progress.schema {
            Some(schema) => Arc::clone(schema),
            None => source.schema().await.map_err(SessionError::Source)?,
        };
        let plan = self.plan(schema)?;
        progress.schema = Some(Arc::clone(&plan.schema));
        // A write is seen through before a session ends, except at a shutdown.
        let Some(sink) = writer.sink() else { return Ok(None) };
        let checkpoint = match sink.prepare(&plan).await.map_err(SessionError::Sink)? {
            Readiness::Ready(checkpoint) => checkpoint,
            Readiness::Standby => return Ok(None),
        };
        let ledger = checkpoint.ledger.last().map(BlockRange::cursor);
        if ledger.is_some() && ledger != checkpoint.cursor {
            let text = |cursor: Option<Cursor>| cursor.map_or("none".to_owned(), |c| c.to_string());
            let (cursor, ledger) = (text(checkpoint.cursor), text(ledger));
            return Err(SessionError::Inconsistent { cursor, ledger });
        }
        let resume = checkpoint.cursor.as_ref();
        let (schema, stream) = source.open(resume).await.map_err(SessionError::Source)?;
        if schema.fields() != plan.schema.fields() {
            return Err(SessionError::SchemaChanged);
        }
        let table = &plan.table;
        match resume {
            Some(cursor) => info!(table, %cursor, "streaming from the checkpoint"),
            None => info!(table, "streaming from the first block"),
        }
        self.health.update(table, |health| {
            health.cursor.clone_from(&checkpoint.cursor);
            health.provisional = None;
        });
        Ok(Some((plan, checkpoint, stream)))
    }

    fn plan<S: Classify, K: Classify>(
        &self,
        schema: SchemaRef,
    ) -> Result<TablePlan, SessionError<S, K>> {
        let column = &self.sync.block_column;
        match schema.field_with_name(column) {
            Ok(field) if *field.data_type() == DataType::UInt64 => Ok(TablePlan {
                table: self.sync.table.clone(),
                dataset: self.sync.dataset.clone(),
                query: self.sync.query.clone(),
                block_column: column.clone(),
                schema,
            }),
            Ok(_) | Err(_) => Err(SessionError::NoBlockColumn { column: column.clone() }),
        }
    }

    /// Tells log and health of a failure; returns the outcome where it is for good.
    fn failed<S: Classify, K: Classify>(
        &self,
        failure: &SessionError<S, K>,
        backoff: &Backoff,
        pace: &mut LogPace,
    ) -> Option<Outcome> {
        let table = self.sync.table.as_str();
        let problem = describe(failure);
        let remedy = problem.remedy.as_deref();
        let message = problem.message.as_str();
        let stopped = failure.fault() == Fault::Permanent;
        let attempt = backoff.attempt() + 1;
        self.health.update(table, |health| {
            health.state =
                if stopped { TableState::Stopped } else { TableState::BackingOff { attempt } };
            health.last_error = Some(problem.clone());
        });
        if stopped {
            error!(table, error = message, remedy, "the table has stopped for good");
            return Some(Outcome::Stopped(problem));
        }
        if pace.is_due() {
            warn!(table, error = message, remedy, attempt, "trying again");
        }
        None
    }

    fn set_state(&self, state: TableState) {
        self.health.update(&self.sync.table, |health| health.state = state);
    }
}
