use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, Waited};
use crate::batch::Epoch;
use crate::config::RetryConfig;
use crate::fault::{Classify, Fault};
use crate::ports::{CommitError, Committed, Sink, Txn};

/// Why an epoch was not made durable.
#[derive(Debug)]
pub(super) enum WriteError<E> {
    /// Somebody else writes the table.
    Fenced,
    /// The sink failed, as often as it was tried.
    Sink(E),
    /// The process is to stop.
    Cancelled,
}

/// What it took to make an epoch durable.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) committed: Committed,
    /// How long the commit took; unknown where its answer was lost.
    pub(super) commit_time: Option<Duration>,
}

/// Makes `epoch` durable, trying a few times. Whatever happens, it is written once or not at all.
/// Each time that it is tried again counts in `retries`.
pub(super) async fn write<S: Sink>(
    sink: &mut S,
    epoch: &Epoch,
    retry: &RetryConfig,
    shutdown: &CancellationToken,
    retries: &mut u64,
) -> Result<Durable, WriteError<S::Error>> {
    let mut backoff = Backoff::new(retry.clone());
    loop {
        let error = match attempt(sink, epoch).await {
            Ok(durable) => return Ok(durable),
            Err(Attempt::Failed(error)) => error,
            Err(Attempt::Unknown(in_doubt)) => match look(sink, epoch).await {
                Ok(Found::Committed) => {
                    let committed = Committed { retracted: None };
                    return Ok(Durable { committed, commit_time: None });
                }
                Ok(Found::Other) => return Err(WriteError::Fenced),
                // It may still be under way, where nobody can stop it. Trying again is safe: the
                // checkpoint moves by compare-and-swap, so only one of the two can succeed.
                Ok(Found::Unmoved) => match in_doubt {
                    Some(error) => error,
                    None => return Err(WriteError::Fenced),
                },
                Err(error) => error,
            },
        };
        match error.fault() {
            Fault::Fenced => return Err(WriteError::Fenced),
            Fault::Permanent => return Err(WriteError::Sink(error)),
            Fault::Transient => {}
        }
        if backoff.attempt() + 1 >= retry.attempts.get() {
            return Err(WriteError::Sink(error));
        }
        if backoff.wait(shutdown).await == Waited::Cancelled {
            return Err(WriteError::Cancelled);
        }
        *retries += 1;
    }
}

enum Attempt<E> {
    /// Nothing was written.
    Failed(E),
    /// It has to be looked up: the answer was lost (with the error), or the checkpoint was not
    /// where it should be, which an earlier attempt of ours may have caused.
    Unknown(Option<E>),
}

async fn attempt<S: Sink>(sink: &mut S, epoch: &Epoch) -> Result<Durable, Attempt<S::Error>> {
    let mut txn = sink.begin().await.map_err(Attempt::Failed)?;
    if let Some(invalidated) = &epoch.retract {
        txn.retract(std::slice::from_ref(invalidated)).await.map_err(Attempt::Failed)?;
    }
    for batch in &epoch.batches {
        txn.append(batch).await.map_err(Attempt::Failed)?;
    }
    let begun = Instant::now();
    let committed = txn.commit(&epoch.advance).await.map_err(|error| match error {
        CommitError::Aborted(error) => Attempt::Failed(error),
        CommitError::InDoubt(error) => Attempt::Unknown(Some(error)),
        CommitError::Fenced => Attempt::Unknown(None),
    })?;
    Ok(Durable { committed, commit_time: Some(begun.elapsed()) })
}

/// What the stored checkpoint says of an epoch.
enum Found {
    Committed,
    Unmoved,
    Other,
}

async fn look<S: Sink>(sink: &mut S, epoch: &Epoch) -> Result<Found, S::Error> {
    let stored = sink.checkpoint().await?;
    Ok(
        if stored.version == epoch.advance.version() && stored.commit == Some(epoch.advance.commit)
        {
            Found::Committed
        } else if stored.version == epoch.advance.from {
            Found::Unmoved
        } else {
            Found::Other
        },
    )
}
