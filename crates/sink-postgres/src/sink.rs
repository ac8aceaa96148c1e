use std::fmt;

use ampsync_schema::{Ident, QualifiedName, Table};
use arrow_array::RecordBatch;
use sync_core::chain::{BlockNum, Cursor, InvalidationRange};
use sync_core::{Advance, Checkpoint, CommitError, Committed, Readiness, Sink, TablePlan, Txn};

use crate::bookkeeping;
use crate::commit;
use crate::database::Database;
use crate::encode::{TableEncoder, ValueCounts};
use crate::error::Error;
use crate::lease::Lease;
use crate::notify;
use crate::options::SinkOptions;
use crate::prepare;
use crate::writer::Writer;

/// Writes one table of a PostgreSQL database.
pub struct PostgresSink {
    pub(crate) database: Database,
    schema: Ident,
    options: SinkOptions,
    counts: ValueCounts,
    /// Kept from one preparation to the next, so that a failure does not invite another instance.
    lease: Option<Lease>,
    prepared: Option<Prepared>,
}

/// What preparing a table would come to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rehearsal {
    /// The table.
    pub table: QualifiedName,
    /// From where it would go on. Rows above its cursor, through `provisional`, would be deleted.
    pub checkpoint: Checkpoint,
    /// Whether the table is there.
    pub exists: bool,
    /// Whether the bookkeeping in schema `ampsync` would be created or changed first.
    pub bookkeeping: bool,
    /// The statements that would change the database otherwise, in their order.
    pub changes: Vec<String>,
    /// What would have taken too long to find out.
    pub unchecked: Vec<String>,
    /// Who writes the table now, if somebody does.
    pub writer: Option<Writer>,
}

/// A table that is ready to be written.
pub(crate) struct Prepared {
    pub(crate) table: Table,
    pub(crate) encoder: TableEncoder,
    /// The `COPY` statement.
    pub(crate) copy: String,
    /// The cursor as last seen, for the log of reorgs.
    pub(crate) cursor: Option<Cursor>,
    /// Through which block the table has rows, as last seen.
    pub(crate) reached: Option<BlockNum>,
    /// Where commits are announced.
    pub(crate) notify: Option<Ident>,
}

impl PostgresSink {
    /// The sink for one table in `schema` of `database`. Which table is the plan's to say, in
    /// [`prepare`](Sink::prepare).
    #[must_use]
    pub fn new(database: Database, schema: Ident) -> Self {
        let (options, counts) = (SinkOptions::default(), ValueCounts::default());
        Self { database, schema, options, counts, lease: None, prepared: None }
    }

    /// The sink with what a user asks of its table.
    #[must_use]
    pub fn with_options(self, options: SinkOptions) -> Self {
        Self { options, ..self }
    }

    /// How many values were not stored as they came. The counts go on with the sink.
    #[must_use]
    pub fn value_counts(&self) -> ValueCounts {
        self.counts.clone()
    }

    /// What [`prepare`](Sink::prepare) would come to, found out by what it does itself: whatever
    /// stands in its way is the same error here. Nothing is changed, nobody has to wait, and the
    /// right to write is not asked for.
    ///
    /// Statements for a table that is there are not executed, so that what only executing them
    /// shows is not known, such as an event trigger that refuses. Whether its rows obey a new key or
    /// unique index is looked up, for a few seconds. Without `columns` nothing is said of the plan's schema. Dropping the future is
    /// harmless.
    ///
    /// # Errors
    /// What `prepare` would answer.
    pub async fn rehearse(&self, plan: &TablePlan, columns: bool) -> Result<Rehearsal, Error> {
        let name = self.table_name(plan)?;
        let table = if columns { Some(self.wanted(plan)?.0) } else { None };
        let outlook =
            prepare::rehearse(&self.database, &name, table.as_ref(), plan, self.options.begun)
                .await?;
        let writer = self.database.writer(&name).await?;
        let prepare::Outlook { checkpoint, exists, bookkeeping, changes, unchecked } = outlook;
        Ok(Rehearsal { table: name, checkpoint, exists, bookkeeping, changes, unchecked, writer })
    }

    /// The table for the plan, and what writes its rows.
    pub(crate) fn wanted(&self, plan: &TablePlan) -> Result<(Table, TableEncoder), Error> {
        let name = self.table_name(plan)?;
        let table =
            Table::with_options(name, &plan.schema, &plan.block_column, &self.options.table)?;
        let (values, counts) = (self.options.values, self.counts.clone());
        let encoder = TableEncoder::new(&table, &plan.schema, values, counts)?;
        Ok((table, encoder))
    }

    fn table_name(&self, plan: &TablePlan) -> Result<QualifiedName, Error> {
        let name = self.options.name.clone().map_or_else(|| Ident::new(&plan.table), Ok)?;
        Ok(QualifiedName { schema: self.schema.clone(), name })
    }

    /// Takes the right to write `table`, or keeps it.
    async fn hold(&mut self, table: &QualifiedName) -> Result<bool, Error> {
        self.lease = self.lease.take().filter(|lease| lease.is_valid() && lease.table() == table);
        if self.lease.is_none() {
            self.lease = self.database.leases().acquire(&self.database, table).await?;
        }
        Ok(self.lease.is_some())
    }
}

impl Sink for PostgresSink {
    type Error = Error;
    type Txn<'a> = PgTxn<'a>;

    async fn prepare(&mut self, plan: &TablePlan) -> Result<Readiness, Error> {
        self.prepared = None;
        let (table, encoder) = self.wanted(plan)?;
        if !self.hold(table.name()).await? {
            return Ok(Readiness::Standby);
        }
        let checkpoint = prepare::run(&self.database, &table, plan, self.options.begun).await?;
        self.prepared = Some(Prepared {
            copy: commit::copy_statement(&table),
            cursor: checkpoint.cursor.clone(),
            reached: notify::reached(checkpoint.cursor.as_ref(), checkpoint.provisional),
            notify: self.options.notify.clone(),
            table,
            encoder,
        });
        Ok(Readiness::Ready(checkpoint))
    }

    /// Reads from a connection of its own, and waits for commits of the checkpoint that are still
    /// under way: what it returns cannot be overtaken by one whose answer was lost.
    async fn checkpoint(&mut self) -> Result<Checkpoint, Error> {
        const DOING: &str = "read the checkpoint";
        let prepared = self.prepared.as_mut().ok_or(Error::LeaseLost)?;
        let connection = self.database.new_connection().await?;
        let begin = connection.batch_execute(self.database.begin());
        self.database.answer(DOING, begin).await?;
        let read = bookkeeping::read(&connection, prepared.table.name());
        let stored = self.database.bounded(DOING, read).await?;
        self.database.answer(DOING, connection.batch_execute("COMMIT")).await?;
        connection.keep();
        let checkpoint = stored.map(|stored| stored.checkpoint).unwrap_or_default();
        prepared.cursor.clone_from(&checkpoint.cursor);
        prepared.reached = notify::reached(checkpoint.cursor.as_ref(), checkpoint.provisional);
        Ok(checkpoint)
    }

    async fn begin(&mut self) -> Result<PgTxn<'_>, Error> {
        match (&self.lease, &mut self.prepared) {
            (Some(lease), Some(prepared)) if lease.is_valid() => Ok(PgTxn {
                database: &self.database,
                lease,
                prepared,
                invalidated: Vec::new(),
                rows: Vec::new(),
            }),
            _ => Err(Error::LeaseLost),
        }
    }
}

impl fmt::Debug for PostgresSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSink")
            .field("database", &self.database)
            .field("schema", &self.schema)
            .field("table", &self.prepared.as_ref().map(|prepared| prepared.table.name()))
            .finish_non_exhaustive()
    }
}

/// A transaction in the making: what it is to do, which nobody begins before
/// [`commit`](Txn::commit).
pub struct PgTxn<'a> {
    pub(crate) database: &'a Database,
    pub(crate) lease: &'a Lease,
    pub(crate) prepared: &'a mut Prepared,
    pub(crate) invalidated: Vec<InvalidationRange>,
    pub(crate) rows: Vec<RecordBatch>,
}

impl Txn for PgTxn<'_> {
    type Error = Error;

    async fn retract(&mut self, invalidated: &[InvalidationRange]) -> Result<(), Error> {
        self.invalidated.extend_from_slice(invalidated);
        Ok(())
    }

    async fn append(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        self.prepared.encoder.check(rows)?;
        self.rows.push(rows.clone());
        Ok(())
    }

    async fn commit(self, advance: &Advance) -> Result<Committed, CommitError<Error>> {
        Box::pin(commit::run(self, advance)).await
    }
}

impl fmt::Debug for PgTxn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTxn")
            .field("table", self.prepared.table.name())
            .field("invalidated", &self.invalidated)
            .finish_non_exhaustive()
    }
}
