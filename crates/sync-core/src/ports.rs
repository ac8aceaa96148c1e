//! The ports: what the engine asks of the world on either side. Adapters implement them and do
//! not know each other.

use std::borrow::Cow;
use std::future::Future;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use futures::Stream;

use crate::chain::{Cursor, InvalidationRange};
use crate::checkpoint::{Advance, Checkpoint};
use crate::fault::{Classify, Fault};
use crate::message::Message;

/// Where a table's rows come from: one query of one server.
pub trait Source: Send + Sync {
    /// What can go wrong.
    type Error: Classify;
    /// The messages of one connection. It may end, which means *come back later*.
    type Stream: Stream<Item = Result<Message, Self::Error>> + Send + Unpin;

    /// The schema of the query's rows, without starting it.
    ///
    /// # Errors
    /// When the server cannot be asked, or refuses the query.
    fn schema(&self) -> impl Future<Output = Result<SchemaRef, Self::Error>> + Send;

    /// Starts the query after `resume`, or from the earliest block. Returns the schema that the
    /// rows of this connection have.
    ///
    /// The server may send nothing at all for hours when there is nothing to send; this must
    /// return without waiting for a first message.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses the query.
    fn open(
        &self,
        resume: Option<&Cursor>,
    ) -> impl Future<Output = Result<(SchemaRef, Self::Stream), Self::Error>> + Send;
}

/// Which table, of what, with which columns.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePlan {
    /// The table's name, unique in the process; labels logs and health.
    pub table: String,
    /// What the rows are of, such as `ns/name@1.0.0`: a sink refuses to mix two of them.
    pub dataset: String,
    /// The query whose rows these are: a sink refuses to mix two of them.
    pub query: String,
    /// The column that has each row's block number (`UInt64`, without nulls).
    pub block_column: String,
    /// The columns.
    pub schema: SchemaRef,
}

impl TablePlan {
    /// The plan itself, once it is certain that rows can be told apart by block.
    ///
    /// # Errors
    /// When the schema has no block column as it has to be.
    pub fn checked(self) -> Result<Self, NoBlockColumn> {
        match self.schema.field_with_name(&self.block_column) {
            Ok(field) if *field.data_type() == DataType::UInt64 => Ok(self),
            Ok(_) | Err(_) => Err(NoBlockColumn { column: self.block_column }),
        }
    }
}

/// A stream's rows cannot be told apart by block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream has no UInt64 column {column:?}, by which rows are retracted after a reorg")]
pub struct NoBlockColumn {
    /// The column it should have.
    pub column: String,
}

impl Classify for NoBlockColumn {
    fn fault(&self) -> Fault {
        Fault::Permanent
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        let column = &self.column;
        Some(
            format!("Select the column too, as in: SELECT *, or SELECT {column}, … FROM … .")
                .into(),
        )
    }
}

/// Where a table's rows go. One value writes one table.
///
/// Everything that a transaction does becomes visible at once, in [`Txn::commit`], or never.
pub trait Sink: Send {
    /// What can go wrong.
    type Error: Classify;
    /// A transaction in the making.
    type Txn<'a>: Txn<Error = Self::Error>
    where
        Self: 'a;

    /// Makes the table ready to be written by this process alone: creates what is missing, takes
    /// the right to write, and deletes rows beyond the checkpoint's cursor. The checkpoint it
    /// returns has no provisional rows.
    ///
    /// It is called again after every failure, and must then start afresh. Dropping the future
    /// must leave nothing that a later call cannot mend.
    ///
    /// # Errors
    /// When the sink cannot be reached, or the table cannot hold the plan's columns.
    fn prepare(
        &mut self,
        plan: &TablePlan,
    ) -> impl Future<Output = Result<Readiness, Self::Error>> + Send;

    /// Reads the checkpoint again: how a commit in doubt is settled.
    ///
    /// # Errors
    /// When the sink cannot be reached.
    fn checkpoint(&mut self) -> impl Future<Output = Result<Checkpoint, Self::Error>> + Send;

    /// Begins a transaction. Dropping it, or its future, undoes it.
    ///
    /// # Errors
    /// When the sink cannot be reached.
    fn begin(&mut self) -> impl Future<Output = Result<Self::Txn<'_>, Self::Error>> + Send;
}

/// Whether a sink lets this process write.
#[derive(Clone, Debug, PartialEq)]
pub enum Readiness {
    /// It does, from here.
    Ready(Checkpoint),
    /// Another instance writes the table: ask again soon.
    Standby,
}

/// One transaction: [`retract`](Txn::retract) first, [`append`](Txn::append) after,
/// [`commit`](Txn::commit) last.
///
/// A sink may do the work as it comes or keep it for `commit`; either way nothing may be visible
/// to a reader before.
pub trait Txn: Send {
    /// What can go wrong.
    type Error: Classify;

    /// Deletes the rows of these blocks, because a reorg has made them untrue.
    ///
    /// # Errors
    /// When the sink fails; the transaction is then undone by dropping it.
    fn retract(
        &mut self,
        invalidated: &[InvalidationRange],
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Adds rows.
    ///
    /// # Errors
    /// When a value cannot be stored, or the sink fails; the transaction is then undone by
    /// dropping it.
    fn append(
        &mut self,
        rows: &RecordBatch,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Moves the checkpoint and makes everything visible, at once.
    ///
    /// # Errors
    /// See [`CommitError`], whose variants say what is known of the outcome. Dropping the future
    /// leaves the commit in doubt.
    fn commit(
        self,
        advance: &Advance,
    ) -> impl Future<Output = Result<Committed, CommitError<Self::Error>>> + Send;
}

/// What a commit did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// How many rows were deleted because of a reorg; `None` where the answer was lost.
    pub retracted: Option<u64>,
}

/// Why a commit did not succeed, by what is known of it.
#[derive(Debug, thiserror::Error)]
pub enum CommitError<E: Classify> {
    /// Nothing was written.
    #[error("commit refused")]
    Aborted(#[source] E),
    /// The connection was lost when the commit was under way: it may have been written, or may
    /// still be.
    #[error("commit in doubt")]
    InDoubt(#[source] E),
    /// The checkpoint was not where the commit expected it; nothing was written.
    #[error("another writer has moved the checkpoint")]
    Fenced,
}
