//! A sink that fails when it is told to: also by doing the work and losing the answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use sync_core::chain::InvalidationRange;
use sync_core::{
    Advance, Checkpoint, Classify, CommitError, Committed, Fault, Readiness, Sink, TablePlan, Txn,
};
use tokio::sync::Semaphore;

/// What a call does instead of its work.
#[derive(Clone, Debug)]
pub(crate) enum Injected {
    /// It fails, and nothing is done.
    Fails(Fault),
    /// A commit is done, and its answer lost.
    Unanswered,
    /// A commit's connection is lost before it arrives.
    Lost,
    /// It waits for a permit and then works.
    Waits(Arc<Semaphore>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Prepare,
    Begin,
    Commit,
    Checkpoint,
}

/// The faults to come, in order a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    queue: Arc<Mutex<VecDeque<(Op, Injected)>>>,
}

impl Faults {
    pub(crate) fn inject(&self, op: Op, injected: impl IntoIterator<Item = Injected>) {
        self.queue.lock().unwrap().extend(injected.into_iter().map(|injected| (op, injected)));
    }

    fn next(&self, op: Op) -> Option<Injected> {
        let mut queue = self.queue.lock().unwrap();
        let index = queue.iter().position(|(candidate, _)| *candidate == op)?;
        queue.remove(index).map(|(_, injected)| injected)
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultyError<E: Classify> {
    #[error("injected failure of the sink")]
    Injected(Fault),
    #[error(transparent)]
    Inner(#[from] E),
}

impl<E: Classify> Classify for FaultyError<E> {
    fn fault(&self) -> Fault {
        match self {
            Self::Injected(fault) => *fault,
            Self::Inner(error) => error.fault(),
        }
    }
}

pub(crate) struct FaultySink<S> {
    pub(crate) inner: S,
    pub(crate) faults: Faults,
}

pub(crate) struct FaultyTxn<T> {
    inner: T,
    faults: Faults,
}

async fn strike<E: Classify>(faults: &Faults, op: Op) -> Result<(), FaultyError<E>> {
    match faults.next(op) {
        None => Ok(()),
        Some(Injected::Fails(fault)) => Err(FaultyError::Injected(fault)),
        Some(Injected::Waits(gate)) => {
            gate.acquire().await.unwrap().forget();
            Ok(())
        }
        Some(Injected::Unanswered | Injected::Lost) => panic!("only a commit can be in doubt"),
    }
}

impl<S: Sink> Sink for FaultySink<S> {
    type Error = FaultyError<S::Error>;
    type Txn<'a>
        = FaultyTxn<S::Txn<'a>>
    where
        S: 'a;

    async fn prepare(&mut self, plan: &TablePlan) -> Result<Readiness, Self::Error> {
        strike(&self.faults, Op::Prepare).await?;
        Ok(self.inner.prepare(plan).await?)
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint, Self::Error> {
        strike(&self.faults, Op::Checkpoint).await?;
        Ok(self.inner.checkpoint().await?)
    }

    async fn begin(&mut self) -> Result<Self::Txn<'_>, Self::Error> {
        strike(&self.faults, Op::Begin).await?;
        Ok(FaultyTxn { inner: self.inner.begin().await?, faults: self.faults.clone() })
    }
}

impl<T: Txn> Txn for FaultyTxn<T> {
    type Error = FaultyError<T::Error>;

    async fn retract(&mut self, invalidated: &[InvalidationRange]) -> Result<(), Self::Error> {
        Ok(self.inner.retract(invalidated).await?)
    }

    async fn append(&mut self, rows: &RecordBatch) -> Result<(), Self::Error> {
        Ok(self.inner.append(rows).await?)
    }

    async fn commit(self, advance: &Advance) -> Result<Committed, CommitError<Self::Error>> {
        let lost = CommitError::InDoubt(FaultyError::Injected(Fault::Transient));
        match self.faults.next(Op::Commit) {
            None => {}
            Some(Injected::Fails(fault)) => {
                return Err(CommitError::Aborted(FaultyError::Injected(fault)));
            }
            Some(Injected::Lost) => return Err(lost),
            Some(Injected::Unanswered) => {
                self.inner.commit(advance).await.ok();
                return Err(lost);
            }
            Some(Injected::Waits(gate)) => gate.acquire().await.unwrap().forget(),
        }
        self.inner.commit(advance).await.map_err(|error| match error {
            CommitError::Aborted(error) => CommitError::Aborted(error.into()),
            CommitError::InDoubt(error) => CommitError::InDoubt(error.into()),
            CommitError::Fenced => CommitError::Fenced,
        })
    }
}
