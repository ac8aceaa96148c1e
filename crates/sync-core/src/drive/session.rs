//! One life of a table's stream: from an open connection to the next failure.
//!
//! Reading and writing overlap: while one epoch is being written, the next one gathers. No
//! transaction is held open while waiting for the server.

use std::future::ready;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::crowd::Member;
use super::error::SessionError;
use super::inbox::{Blocked, Ending, Inbox};
use super::table::{Progress, TableDriver};
use super::telling::{self, Held, Telling};
use super::write::{Durable, WriteError};
use super::writer::{Writer, Written};
use crate::batch::{Buffer, Disorder, Epoch, bytes_of};
use crate::chain::Cursor;
use crate::health::{FailureClass, TableState};
use crate::machine::{Machine, Rewind, Step, Violation};
use crate::message::Message;
use crate::ports::{Sink, Source, TablePlan};

/// How long a write under way may go on after a shutdown was asked for.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How long a stream may say nothing before it is opened anew. A chain may be quiet for longer;
/// but then asking again costs one call, and a gateway that answers pings on behalf of a server
/// that is gone is found by nothing else.
const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);

/// How often that is doubled while nothing comes, up to most of a day. Servers before November
/// 2025 say nothing while they work: one that takes an hour must not be asked anew for ever.
const SILENCE_DOUBLINGS_MAX: u32 = 8;

/// How a session ends without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was asked to.
    Shutdown,
    /// The server has nothing to stream yet, or ended the stream.
    NotReady,
    /// The server has said nothing for long.
    Silent,
}

type Error<Src, Snk> = SessionError<<Src as Source>::Error, <Snk as Sink>::Error>;

/// See the [module](self).
pub(super) struct Session<'a, Src: Source, MakeSink> {
    pub(super) driver: &'a TableDriver<Src, MakeSink>,
    pub(super) plan: &'a TablePlan,
    pub(super) progress: &'a mut Progress,
    pub(super) stream: Src::Stream,
    pub(super) machine: Machine,
    pub(super) buffer: Buffer,
    pub(super) inbox: Inbox<Src::Error>,
    pub(super) telling: Telling,
    /// Held while it does.
    pub(super) catching_up: Option<Member>,
}

impl<Src: Source, MakeSink> Session<'_, Src, MakeSink> {
    /// Follows the stream until it ends, and sees the last write through.
    pub(super) async fn run<Snk: Sink + 'static>(
        mut self,
        writer: &mut Writer<Snk>,
    ) -> Result<Ended, Error<Src, Snk>> {
        let followed = self.follow(writer).await;
        match writer.finish(SHUTDOWN_GRACE).await {
            // Also where the stream failed meanwhile: what was committed counts.
            Some(written) => match (followed, self.settle::<Snk>(written)) {
                (Ok(_), Err(failure)) | (Err(failure), _) => Err(failure),
                (Ok(ended), Ok(())) => Ok(ended),
            },
            None => followed,
        }
    }

    async fn follow<Snk: Sink + 'static>(
        &mut self,
        writer: &mut Writer<Snk>,
    ) -> Result<Ended, Error<Src, Snk>> {
        loop {
            let blocked = self.work(writer.is_idle())?;
            if writer.is_idle() && self.is_due(&blocked) {
                self.start_write(writer);
            }
            self.report(writer.is_idle());
            let ended = match &blocked {
                Blocked::End if writer.is_idle() => Some(self.end()?),
                Blocked::Reopen(resume, why) if writer.is_idle() => {
                    self.reopen(resume.clone(), *why).await?
                }
                Blocked::No
                | Blocked::Flush
                | Blocked::Memory(_)
                | Blocked::Reopen(..)
                | Blocked::End => self.wait(writer, &blocked).await?,
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    /// Waits until something happens, and takes it in.
    async fn wait<Snk: Sink + 'static>(
        &mut self,
        writer: &mut Writer<Snk>,
        blocked: &Blocked,
    ) -> Result<Option<Ended>, Error<Src, Snk>> {
        let idle = writer.is_idle();
        let may_read = *blocked == Blocked::No && (idle || !self.is_full());
        let patience = self.inbox.ready_since.map(|since| since + self.progress.target.patience());
        let patience = patience.filter(|_| idle);
        let wanted = match blocked {
            Blocked::Memory(bytes) => Some(*bytes),
            Blocked::No | Blocked::Flush | Blocked::Reopen(..) | Blocked::End => None,
        };
        let silent = self.inbox.heard + self.silence_max();
        tokio::select! {
            biased;
            () = self.driver.shutdown.cancelled() => return Ok(Some(Ended::Shutdown)),
            written = writer.written() => self.settle::<Snk>(written)?,
            message = self.stream.next(), if may_read => self.receive(message),
            () = self.inbox.share.grow(wanted.unwrap_or(0)), if wanted.is_some() => {
                self.inbox.granted = true;
            }
            () = ready(()), if may_read && !self.inbox.quiet => self.inbox.quiet = true,
            () = sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => {}
            () = sleep_until(silent), if may_read && idle => {
                return Ok(Some(Ended::Silent));
            }
        }
        Ok(None)
    }

    fn silence_max(&self) -> Duration {
        SILENCE_MAX * 2_u32.pow(self.progress.silences.min(SILENCE_DOUBLINGS_MAX))
    }

    /// Takes in a message, or that no more will come.
    fn receive(&mut self, message: Option<Result<Message, Src::Error>>) {
        self.inbox.quiet = false;
        self.inbox.heard = Instant::now();
        let message = match message {
            Some(Ok(message)) => {
                self.progress.silences = 0;
                message
            }
            Some(Err(error)) => return self.inbox.ending = Some(Ending::Failed(error)),
            None => return self.inbox.ending = Some(Ending::NotReady),
        };
        let decided = if message.rows.schema_ref().fields() == self.plan.schema.fields() {
            self.machine.on_message(&message)
        } else {
            Err(Violation::OtherSchema.into())
        };
        match decided {
            Ok(steps) => {
                self.telling.heard(&message);
                self.inbox.steps.extend(steps);
            }
            Err(refusal) => return self.inbox.ending = Some(Ending::Refused(refusal)),
        }
        let bytes = bytes_of(&message.rows);
        self.inbox.rows = Some((message.rows, bytes));
        self.inbox.granted = false;
    }

    fn end<K: crate::Classify>(&mut self) -> Result<Ended, SessionError<Src::Error, K>> {
        match self.inbox.ending.take() {
            Some(Ending::Failed(error)) => Err(SessionError::Source(error)),
            Some(Ending::Refused(refusal)) => Err(refusal.into()),
            Some(Ending::NotReady) | None => Ok(Ended::NotReady),
        }
    }

    /// Does what was decided, as far as nothing keeps it from being done.
    fn work<S: crate::Classify, K: crate::Classify>(
        &mut self,
        idle: bool,
    ) -> Result<Blocked, SessionError<S, K>> {
        let mut blocked = if self.inbox.ending.is_some() { Blocked::End } else { Blocked::No };
        while let Some(step) = self.inbox.steps.pop_front() {
            if let Some(hindrance) = self.hindrance(&step, idle) {
                self.inbox.steps.push_front(step);
                blocked = hindrance;
                break;
            }
            match step {
                Step::Complete(range) => self.buffer.complete(range),
                Step::Retract(retraction) => self.buffer.retract(retraction),
                Step::Append { span, range_start } => {
                    if let Some((rows, bytes)) = self.inbox.rows.take() {
                        self.buffer.push(rows, bytes, span, range_start).map_err(|Disorder| {
                            self.progress.whole_ranges = true;
                            SessionError::Disorder
                        })?;
                    }
                }
                // Both hinder whatever comes after them.
                Step::NotReady | Step::Reconnect { .. } => {}
            }
        }
        self.note_ready();
        Ok(blocked)
    }

    fn hindrance(&mut self, step: &Step, idle: bool) -> Option<Blocked> {
        match step {
            Step::Complete(_) => None,
            Step::Retract(_) => self.buffer.is_ready().then_some(Blocked::Flush),
            Step::NotReady => Some(Blocked::End),
            Step::Reconnect { resume, why } => Some(Blocked::Reopen(resume.clone(), *why)),
            Step::Append { .. } => {
                let bytes = self.inbox.rows.as_ref().map_or(0, |(_, bytes)| *bytes);
                if self.inbox.granted || self.inbox.share.try_grow(bytes) {
                    self.inbox.granted = true;
                    None
                } else if !idle || self.buffer.is_ready() {
                    Some(Blocked::Flush)
                } else if self.buffer.is_empty() {
                    Some(Blocked::Memory(bytes))
                } else {
                    // Part of a block that is larger than what is left: only the rest of it lets
                    // it leave, so it is let in beyond the budget.
                    None
                }
            }
        }
    }

    fn note_ready(&mut self) {
        if self.buffer.is_ready() {
            self.inbox.ready_since.get_or_insert_with(Instant::now);
        } else {
            self.inbox.ready_since = None;
        }
    }

    fn is_full(&self) -> bool {
        self.buffer.ready_rows() >= self.rows_target()
            || self.buffer.ready_bytes() >= self.progress.target.bytes_max()
    }

    fn rows_target(&self) -> usize {
        self.progress.target.rows(self.driver.crowd.size())
    }

    /// Whether to write now: what is ready is enough, or in the way, or nothing more comes.
    fn is_due(&self, blocked: &Blocked) -> bool {
        let waited = self.inbox.ready_since.map(|since| since.elapsed());
        self.buffer.is_ready()
            && (matches!(blocked, Blocked::Flush | Blocked::End)
                || self.is_full()
                || (self.inbox.quiet && self.buffer.has_complete_range())
                || waited.is_some_and(|waited| waited >= self.progress.target.patience()))
    }

    fn start_write<Snk: Sink + 'static>(&mut self, writer: &mut Writer<Snk>) {
        let (rows, bytes_max) = (self.rows_target(), self.progress.target.bytes_max());
        if let Some(epoch) = self.buffer.take(rows, bytes_max) {
            let share = self.inbox.share.split(epoch.bytes);
            self.telling.writing_bytes = epoch.bytes;
            writer.start(epoch, share);
        }
        self.inbox.ready_since = None;
        self.note_ready();
    }

    /// Takes note of how a write ended.
    fn settle<Snk: Sink>(&mut self, written: Written<Snk::Error>) -> Result<(), Error<Src, Snk>> {
        self.inbox.heard = Instant::now();
        self.telling.writing_bytes = 0;
        let Written { epoch, elapsed, retries, result } = written;
        self.driver.health.update(&self.plan.table, |health, _| {
            health.retried(FailureClass::Database, retries);
        });
        match result {
            Ok(durable) => {
                self.progress.committed = true;
                if let Some(cursor) = &epoch.advance.cursor {
                    self.progress.network = Some(cursor.network.clone());
                }
                self.progress.target.committed(epoch.rows, elapsed);
                self.committed(&epoch, &durable, elapsed);
                Ok(())
            }
            Err(error) => {
                self.progress.target.failed();
                Err(match error {
                    WriteError::Fenced => SessionError::Fenced,
                    WriteError::Sink(error) => SessionError::Sink(error),
                    WriteError::Cancelled => return Ok(()),
                })
            }
        }
    }

    fn committed(&self, epoch: &Epoch, durable: &Durable, elapsed: Duration) {
        let table = &self.plan.table;
        let advance = &epoch.advance;
        if let Some(invalidated) = &epoch.retract {
            let rows = durable.committed.retracted;
            info!(table, %invalidated, rows, "reorg: replaced the rows of these blocks");
        }
        let block = advance.cursor.as_ref().map(|cursor| cursor.number.get());
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        debug!(table, block, rows = epoch.rows, elapsed_ms, "committed");
        self.driver.health.update(table, telling::committed(epoch, durable, elapsed));
    }

    fn report(&mut self, idle: bool) {
        let live = idle && self.inbox.quiet && self.buffer.is_empty();
        let state = if live { TableState::Live } else { TableState::CatchingUp };
        match live {
            true => self.catching_up = None,
            false => _ = self.catching_up.get_or_insert_with(|| self.driver.crowd.join()),
        }
        let writing = self.telling.writing_bytes;
        let received = self.inbox.rows.as_ref().filter(|_| !self.inbox.steps.is_empty());
        let buffered = received.map_or(0, |(_, bytes)| *bytes) + self.buffer.bytes() + writing;
        let held = Held { buffered, ready: self.buffer.ready_bytes() + writing };
        if let Some(change) = self.telling.report(state, held) {
            self.driver.health.update(&self.plan.table, change);
        }
    }

    async fn reopen<K: crate::Classify>(
        &mut self,
        resume: Option<Cursor>,
        why: Rewind,
    ) -> Result<Option<Ended>, SessionError<Src::Error, K>> {
        let from =
            resume.as_ref().map_or_else(|| "the first block".to_owned(), ToString::to_string);
        let table = &self.plan.table;
        match why {
            Rewind::UnverifiedGap => debug!(table, from, "asking the server to verify the cursor"),
            Rewind::UnknownFork => {
                warn!(table, from, "the fork lies deeper: asking from an older block")
            }
            Rewind::Resync => {
                warn!(table, from, "the reorg is deeper than the ledger: streaming anew")
            }
        }
        let opened = tokio::select! {
            biased;
            () = self.driver.shutdown.cancelled() => return Ok(Some(Ended::Shutdown)),
            opened = self.driver.sync.source.open(resume.as_ref()) => opened,
        };
        let (schema, stream) = opened.map_err(SessionError::Source)?;
        if schema.fields() != self.plan.schema.fields() {
            return Err(SessionError::SchemaChanged);
        }
        self.stream = stream;
        self.inbox.heard = Instant::now();
        self.machine.reopened(resume);
        self.inbox.steps.clear();
        self.inbox.rows = None;
        Ok(None)
    }
}
