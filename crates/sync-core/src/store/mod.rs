//! The short way to a sink: something that writes each commit in one piece, and can say what it has
//! written last, is a [`Store`], and [`StoreSink`] makes a [`Sink`](crate::Sink) of it.

mod sink;

use std::future::Future;
use std::ops::RangeInclusive;

use arrow_array::RecordBatch;

use crate::chain::BlockNum;
use crate::checkpoint::Checkpoint;
use crate::fault::Classify;
use crate::ports::TablePlan;

pub use sink::{StoreError, StoreSink, StoreTxn};

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
