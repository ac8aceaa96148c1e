//! One table, kept going for ever: prepared, opened, followed, and after every failure again from
//! the checkpoint.

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::SchemaRef;
use tokio_util::sync::CancellationToken;
use tracing::field::display;
use tracing::{debug, error, info, warn};

use super::backoff::{Backoff, LogPace, Waited, pause};
use super::budget::MemoryBudget;
use super::crowd::Crowd;
use super::error::SessionError;
use super::inbox::Inbox;
use super::session::{Ended, Session};
use super::telling::Telling;
use super::writer::Writer;
use crate::batch::{BatchTarget, Buffer};
use crate::chain::{BlockRange, Network};
use crate::checkpoint::Checkpoint;
use crate::config::EngineConfig;
use crate::engine::{Outcome, TableSync};
use crate::fault::{Classify, Fault, OneLine};
use crate::health::{HealthBoard, TableState};
use crate::machine::Machine;
use crate::ports::{Readiness, Sink, Source, TablePlan};

/// How often a standby asks whether it may take over.
const STANDBY_INTERVAL: Duration = Duration::from_secs(1);

/// How often other columns than before may be refused until the table stops: for more than a
/// minute, at the usual pace. As long as that, a server that is being replaced may be old and new
/// by turns.
const REFUSALS_MAX: u32 = 30;

/// Everything one table needs, for as long as the process lives.
pub(crate) struct TableDriver<Src, MakeSink> {
    pub(crate) sync: TableSync<Src, MakeSink>,
    pub(crate) config: EngineConfig,
    pub(crate) budget: MemoryBudget,
    pub(crate) crowd: Crowd,
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
    /// The stream's columns, until they turn out to have changed.
    schema: Option<SchemaRef>,
    /// The network of the table's rows: while a table is streamed anew its checkpoint has no
    /// cursor to tell it, and a lie about it would be believed for ever.
    pub(super) network: Option<Network>,
    /// The columns that were last streamed.
    streamed: Option<SchemaRef>,
    /// How often other columns than those were refused since.
    refusals: u32,
    /// How many sessions have ended, one after the other, because the stream said nothing.
    pub(super) silences: u32,
}

impl Progress {
    /// Whether the stream has other columns than those it worked with: what does not fit because
    /// of that fits again when they come back.
    fn has_changed(&self) -> bool {
        match (&self.schema, &self.streamed) {
            (Some(schema), Some(streamed)) => schema.fields() != streamed.fields(),
            _ => false,
        }
    }
}

/// What a session came to.
enum Came<S: Classify, K: Classify> {
    Ended(Ended),
    Standby,
    Failed {
        failure: SessionError<S, K>,
        /// Whether it may pass however it is classified.
        may_pass: bool,
    },
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
        schema: None,
        network: None,
        streamed: None,
        refusals: 0,
        silences: 0,
    };
    let mut backoff = Backoff::new(retry.clone());
    let mut pace = LogPace::default();
    loop {
        let came = driver.session(&mut writer, &mut progress).await;
        if std::mem::take(&mut progress.committed) {
            backoff.reset();
            pace.reset();
        }
        let waited = match came {
            Came::Ended(Ended::Shutdown) => return Outcome::Clean,
            Came::Ended(Ended::Silent) => {
                progress.silences = progress.silences.saturating_add(1);
                debug!(table, "the stream says nothing: opening it anew");
                Waited::Elapsed
            }
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
            Came::Failed { failure, may_pass } => {
                match driver.failed(&failure, may_pass, &backoff, &mut pace) {
                    Some(stopped) => return stopped,
                    None => backoff.wait(&driver.shutdown).await,
                }
            }
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
                if let Some(cursor) = &checkpoint.cursor {
                    progress.network = Some(cursor.network.clone());
                }
                let machine = Machine::new(&checkpoint, column, retention, config.beyond_retention)
                    .with_network(progress.network.clone());
                let session = Session {
                    driver: self,
                    plan: &plan,
                    stream,
                    machine,
                    buffer: Buffer::new(checkpoint, column, retention, progress.whole_ranges),
                    progress,
                    telling: Telling::default(),
                    catching_up: None,
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
                let changed = progress.has_changed();
                if changed || matches!(failure, SessionError::SchemaChanged) {
                    progress.schema = None;
                }
                if changed && failure.fault() == Fault::Permanent {
                    progress.refusals += 1;
                }
                let may_pass = changed && progress.refusals <= REFUSALS_MAX;
                Came::Failed { failure, may_pass }
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
        progress.schema = Some(Arc::clone(&schema));
        let plan = self.plan(schema)?;
        // A write is seen through before a session ends, except at a shutdown.
        let Some(sink) = writer.sink() else { return Ok(None) };
        let checkpoint = match sink.prepare(&plan).await.map_err(SessionError::Sink)? {
            Readiness::Ready(checkpoint) => checkpoint,
            Readiness::Standby => return Ok(None),
        };
        checkpoint.consistent()?;
        let resume = checkpoint.cursor.as_ref();
        let (schema, stream) = source.open(resume).await.map_err(SessionError::Source)?;
        if schema.fields() != plan.schema.fields() {
            return Err(SessionError::SchemaChanged);
        }
        progress.streamed = Some(Arc::clone(&plan.schema));
        progress.refusals = 0;
        let table = &plan.table;
        match resume {
            Some(cursor) if progress.silences > 0 => {
                debug!(table, %cursor, "streaming from the checkpoint");
            }
            Some(cursor) => info!(table, %cursor, "streaming from the checkpoint"),
            None => info!(table, "streaming from the first block"),
        }
        self.health.update(table, |health, now| {
            health.cursor.clone_from(&checkpoint.cursor);
            health.cursor_time = checkpoint.ledger.last().and_then(BlockRange::time);
            health.provisional = None;
            if let Some(cursor) = resume {
                health.network = Some(cursor.network.clone());
            }
            health.opened(now);
        });
        Ok(Some((plan, checkpoint, stream)))
    }

    fn plan<S: Classify, K: Classify>(
        &self,
        schema: SchemaRef,
    ) -> Result<TablePlan, SessionError<S, K>> {
        let plan = TablePlan {
            table: self.sync.table.clone(),
            dataset: self.sync.dataset.clone(),
            query: self.sync.query.clone(),
            block_column: self.sync.block_column.clone(),
            schema,
        };
        Ok(plan.checked()?)
    }

    /// Tells log and health of a failure; returns the outcome where it is for good.
    fn failed<S: Classify, K: Classify>(
        &self,
        failure: &SessionError<S, K>,
        may_pass: bool,
        backoff: &Backoff,
        pace: &mut LogPace,
    ) -> Option<Outcome> {
        let table = self.sync.table.as_str();
        let problem = failure.describe();
        let remedy = problem.remedy.as_deref().map(OneLine).map(display);
        let message = OneLine(&problem.message);
        let stopped = failure.fault() == Fault::Permanent && !may_pass;
        let attempt = backoff.attempt() + 1;
        self.health.update(table, |health, _| {
            if stopped {
                health.state = TableState::Stopped;
            } else {
                health.state = TableState::BackingOff { attempt };
                health.retried(problem.class, 1);
            }
            health.last_error = Some(problem.clone());
        });
        if stopped {
            error!(table, error = %message, remedy, "the table has stopped for good");
            return Some(Outcome::Stopped(problem));
        }
        if pace.is_due() {
            warn!(table, error = %message, remedy, attempt, "trying again");
        }
        None
    }

    fn set_state(&self, state: TableState) {
        self.health.update(&self.sync.table, |health, _| health.state = state);
    }
}
