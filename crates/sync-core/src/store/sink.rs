use std::borrow::Cow;
use std::ops::RangeInclusive;

use arrow_array::RecordBatch;

use super::{Commit, Saved, Store};
use crate::chain::{BlockNum, InvalidationRange};
use crate::checkpoint::{Advance, Checkpoint};
use crate::fault::{Classify, Fault};
use crate::ports::{CommitError, Committed, Readiness, Sink, TablePlan, Txn};

/// Why a [`StoreSink`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError<E: Classify> {
    /// The store itself failed.
    #[error(transparent)]
    Store(E),
    /// The rows that are stored are of something else.
    #[error("the stored rows are of {stored}, and not of {wanted}")]
    OtherStream {
        /// Query and dataset of what is stored.
        stored: String,
        /// Query and dataset of what was to be written.
        wanted: String,
    },
    /// Another process writes the table now.
    #[error("another process writes the table")]
    Taken,
}

impl<E: Classify> Classify for StoreError<E> {
    fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::OtherStream { .. } => Fault::Permanent,
            Self::Taken => Fault::Fenced,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Store(error) => error.remedy(),
            Self::OtherStream { .. } => {
                Some("Write it to another place, or remove the old rows.".into())
            }
            Self::Taken => None,
        }
    }
}

/// The [`Sink`] of a [`Store`]. It keeps the contract of a sink for it: compare-and-swap, the
/// identity of the rows, and the end of provisional rows.
#[derive(Clone, Debug)]
pub struct StoreSink<S> {
    store: S,
    plan: Option<TablePlan>,
    /// As of the last commit, while that is certain.
    checkpoint: Option<Checkpoint>,
}

impl<S: Store> StoreSink<S> {
    /// Writes to `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store, plan: None, checkpoint: None }
    }

    /// The checkpoint, read from the store; `None` while another process writes.
    async fn open(&mut self) -> Result<Option<Checkpoint>, StoreError<S::Error>> {
        self.checkpoint = None;
        let Some(plan) = &self.plan else { return Ok(None) };
        let Some(saved) = self.store.open(plan).await.map_err(StoreError::Store)? else {
            return Ok(None);
        };
        let is_new = saved == Saved::default();
        if !is_new && (&saved.dataset, &saved.query) != (&plan.dataset, &plan.query) {
            let text = |dataset: &str, query: &str| format!("{query:?} of {dataset:?}");
            let stored = text(&saved.dataset, &saved.query);
            return Err(StoreError::OtherStream {
                stored,
                wanted: text(&plan.dataset, &plan.query),
            });
        }
        self.checkpoint = Some(saved.checkpoint.clone());
        Ok(Some(saved.checkpoint))
    }

    async fn write(
        &mut self,
        retracted: Vec<RangeInclusive<BlockNum>>,
        rows: Vec<RecordBatch>,
        checkpoint: Checkpoint,
    ) -> Result<u64, StoreError<S::Error>> {
        // Until it has succeeded, nobody knows what is stored.
        self.checkpoint = None;
        let Some(plan) = &self.plan else { return Err(StoreError::Taken) };
        let (dataset, query) = (plan.dataset.clone(), plan.query.clone());
        let saved = Saved { dataset, query, checkpoint: checkpoint.clone() };
        let deleted = self.store.write(Commit { retracted, rows, saved }).await;
        let deleted = deleted.map_err(StoreError::Store)?;
        self.checkpoint = Some(checkpoint);
        Ok(deleted)
    }
}

impl<S: Store> Sink for StoreSink<S> {
    type Error = StoreError<S::Error>;
    type Txn<'a>
        = StoreTxn<'a, S>
    where
        S: 'a;

    async fn prepare(&mut self, plan: &TablePlan) -> Result<Readiness, Self::Error> {
        self.plan = Some(plan.clone());
        let Some(mut checkpoint) = self.open().await? else { return Ok(Readiness::Standby) };
        if checkpoint.provisional.take().is_some() {
            // Rows ahead of the cursor are streamed again; who wrote them must not go on.
            checkpoint.version += 1;
            let cursor = checkpoint.cursor.as_ref();
            let beyond = cursor.map_or(BlockNum::ZERO, |cursor| cursor.number.next());
            let retracted = vec![beyond..=BlockNum::MAX];
            self.write(retracted, Vec::new(), checkpoint.clone()).await?;
        }
        Ok(Readiness::Ready(checkpoint))
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint, Self::Error> {
        self.open().await?.ok_or(StoreError::Taken)
    }

    async fn begin(&mut self) -> Result<StoreTxn<'_, S>, Self::Error> {
        let from = match self.checkpoint.clone() {
            Some(checkpoint) => checkpoint,
            None => self.open().await?.ok_or(StoreError::Taken)?,
        };
        Ok(StoreTxn { sink: self, from, retracted: Vec::new(), rows: Vec::new() })
    }
}

/// The transaction of a [`StoreSink`]: all of it happens in `commit`.
#[derive(Debug)]
pub struct StoreTxn<'a, S> {
    sink: &'a mut StoreSink<S>,
    from: Checkpoint,
    retracted: Vec<RangeInclusive<BlockNum>>,
    rows: Vec<RecordBatch>,
}

impl<S: Store> Txn for StoreTxn<'_, S> {
    type Error = StoreError<S::Error>;

    async fn retract(&mut self, invalidated: &[InvalidationRange]) -> Result<(), Self::Error> {
        self.retracted.extend(invalidated.iter().map(|range| range.start..=range.end));
        Ok(())
    }

    async fn append(&mut self, rows: &RecordBatch) -> Result<(), Self::Error> {
        // Cloning shares the columns.
        self.rows.push(rows.clone());
        Ok(())
    }

    async fn commit(self, advance: &Advance) -> Result<Committed, CommitError<Self::Error>> {
        let Self { sink, from, retracted, rows } = self;
        if from.version != advance.from {
            return Err(CommitError::Fenced);
        }
        let written = sink.write(retracted, rows, from.advanced(advance)).await;
        // Whatever the error, the checkpoint says what has become of it.
        let retracted = Some(written.map_err(CommitError::InDoubt)?);
        Ok(Committed { retracted })
    }
}
