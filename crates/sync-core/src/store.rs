//! The short way to a sink: something that writes each commit in one piece, and can say what it has
//! written last, is a [`Store`], and [`StoreSink`] makes a [`Sink`] of it.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::ops::RangeInclusive;

use arrow_array::RecordBatch;

use crate::chain::{BlockNum, InvalidationRange};
use crate::checkpoint::{Advance, Checkpoint};
use crate::fault::{Classify, Fault};
use crate::ports::{CommitError, Committed, Readiness, Sink, TablePlan, Txn};

/// A place for the rows of one table, in which a commit is written whole or not at all.
pub trait Store: Send {
    /// What can go wrong.
    type Error: Classify;

    /// Takes the right to write the table, unless this store has it, and reads what was saved with
    /// the last commit: the default before the first one, `None` while another process writes.
    ///
    /// It is called at the start, and after each failure to learn what has become of the commit.
    /// Dropping the future must leave nothing that a later call cannot mend.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    fn open(
        &mut self,
        plan: &TablePlan,
    ) -> impl Future<Output = Result<Option<Saved>, Self::Error>> + Send;

    /// Deletes the rows that the commit [retracts](Commit::retracts), adds its rows, and saves what
    /// it has to, all at once. Returns how many rows it deleted.
    ///
    /// Commits that are lost later, rows and what was saved together (as by a power failure), are
    /// streamed again by the next start.
    ///
    /// # Errors
    /// When that fails, or when it is not known whether it did. Dropping the future is the same:
    /// [`open`](Self::open) is called next, and says what has become of it.
    fn write(&mut self, commit: Commit) -> impl Future<Output = Result<u64, Self::Error>> + Send;
}

/// One commit: everything that changes together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Commit {
    /// The blocks whose rows go, because they are no longer true.
    pub retracted: Vec<RangeInclusive<BlockNum>>,
    /// The rows that come after that.
    pub rows: Vec<RecordBatch>,
    /// What the next [`Store::open`] has to return.
    pub saved: Saved,
}

impl Commit {
    /// Whether the stored rows of this block are deleted.
    #[must_use]
    pub fn retracts(&self, block: u64) -> bool {
        let is_in = |range: &RangeInclusive<BlockNum>| {
            range.start().get() <= block && block <= range.end().get()
        };
        self.retracted.iter().any(is_in)
    }
}

/// What a store remembers beside the rows. With the feature `serde` it can be written in any format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Saved {
    /// What the rows are of: [`TablePlan::dataset`].
    pub dataset: String,
    /// The query whose rows they are: [`TablePlan::query`].
    pub query: String,
    /// How far they are.
    pub checkpoint: Checkpoint,
}

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

/// Damaged data does not heal; everything else may.
impl Classify for io::Error {
    fn fault(&self) -> Fault {
        let damaged = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
        if damaged.contains(&self.kind()) { Fault::Permanent } else { Fault::Transient }
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
