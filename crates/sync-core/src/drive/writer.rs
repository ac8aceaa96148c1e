use std::future::pending;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::budget::Share;
use super::write::{Durable, WriteError, write};
use crate::batch::Epoch;
use crate::config::RetryConfig;
use crate::ports::Sink;

/// A sink that writes one epoch at a time while its owner does something else.
pub(super) struct Writer<Snk: Sink> {
    state: State<Snk>,
    retry: RetryConfig,
    shutdown: CancellationToken,
}

enum State<Snk: Sink> {
    Idle(Snk),
    Busy(BoxFuture<'static, (Snk, Written<Snk::Error>)>),
    /// A shutdown cut a write off, and the sink went with it.
    Gone,
}

/// How the write of an epoch ended.
pub(super) struct Written<E> {
    pub(super) epoch: Epoch,
    pub(super) elapsed: Duration,
    /// How often it was tried again.
    pub(super) retries: u64,
    pub(super) result: Result<Durable, WriteError<E>>,
}

impl<Snk: Sink + 'static> Writer<Snk> {
    pub(super) fn new(sink: Snk, retry: RetryConfig, shutdown: CancellationToken) -> Self {
        Self { state: State::Idle(sink), retry, shutdown }
    }

    /// The sink, while nothing is being written.
    pub(super) fn sink(&mut self) -> Option<&mut Snk> {
        match &mut self.state {
            State::Idle(sink) => Some(sink),
            State::Busy(_) | State::Gone => None,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle(_))
    }

    /// Begins to write; `share` is given back when it is done.
    ///
    /// # Panics
    /// When an epoch is being written already.
    pub(super) fn start(&mut self, epoch: Epoch, share: Share) {
        let State::Idle(mut sink) = std::mem::replace(&mut self.state, State::Gone) else {
            panic!("one epoch is written at a time");
        };
        let (retry, shutdown) = (self.retry.clone(), self.shutdown.clone());
        self.state = State::Busy(Box::pin(async move {
            let begun = Instant::now();
            let mut retries = 0;
            let result = write(&mut sink, &epoch, &retry, &shutdown, &mut retries).await;
            drop(share);
            (sink, Written { epoch, elapsed: begun.elapsed(), retries, result })
        }));
    }

    /// Waits for the write under way; without one, for ever.
    ///
    /// # Cancellation
    /// Dropping the future leaves the write under way.
    pub(super) async fn written(&mut self) -> Written<Snk::Error> {
        let State::Busy(write) = &mut self.state else { return pending().await };
        let (sink, written) = write.await;
        self.state = State::Idle(sink);
        written
    }

    /// Waits for the write under way, if there is one; once a shutdown is asked for, not longer
    /// than `grace`.
    pub(super) async fn finish(&mut self, grace: Duration) -> Option<Written<Snk::Error>> {
        if self.is_idle() {
            return None;
        }
        let shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            written = self.written() => return Some(written),
            () = shutdown.cancelled() => {}
        }
        let written = timeout(grace, self.written()).await.ok();
        if written.is_none() {
            self.state = State::Gone;
        }
        written
    }
}
