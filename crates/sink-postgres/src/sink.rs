use std::fmt;

use ampsync_schema::{ExistingTable, Ident, QualifiedName, Table};
use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
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
    /// The table that is taken as it is, as it was when it was first looked at.
    seen: Option<Box<ExistingTable>>,
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

/// What is to be written, and how.
struct Shape {
    table: Table,
    encoder: TableEncoder,
    written: Option<Vec<usize>>,
    /// The table that is there, where that is taken as it is.
    existing: Option<ExistingTable>,
}

fn other_columns(table: &QualifiedName, what: &ArrowError) -> Error {
    Error::OtherColumns { table: table.clone(), what: what.to_string() }
}

/// A table that is ready to be written.
pub(crate) struct Prepared {
    pub(crate) table: Table,
    pub(crate) encoder: TableEncoder,
    /// Which of the stream's columns are written, unless all are.
    written: Option<Vec<usize>>,
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
        Self { database, schema, options, counts, lease: None, prepared: None, seen: None }
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
        let table = match columns {
            true => Some(Box::pin(self.shape(plan)).await?.table),
            false => None,
        };
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

    /// What is to be written: the table for the plan, or the one that is there.
    async fn shape(&self, plan: &TablePlan) -> Result<Shape, Error> {
        let name = self.table_name(plan)?;
        let existing = match self.options.as_stored {
            true => self.database.existing(&name).await?,
            false => None,
        };
        let Some(existing) = existing else {
            let (table, encoder) = self.wanted(plan)?;
            return Ok(Shape { table, encoder, written: None, existing: None });
        };
        let table = Table::as_stored(name, &plan.schema, &plan.block_column, &existing)?;
        let is_written =
            |name: &str| table.columns().iter().any(|column| column.name.as_str() == name);
        let fields = plan.schema.fields().iter().enumerate();
        let written: Vec<_> =
            fields.filter(|(_, field)| is_written(field.name())).map(|(index, _)| index).collect();
        let schema = plan.schema.project(&written);
        let schema = schema.map_err(|error| other_columns(table.name(), &error))?;
        let (values, counts) = (self.options.values, self.counts.clone());
        let encoder = TableEncoder::new(&table, &schema, values, counts)?;
        let written = (written.len() < plan.schema.fields().len()).then_some(written);
        Ok(Shape { table, encoder, written, existing: Some(existing) })
    }

    /// Whether a table that is taken as it is has become another one since it was first seen.
    fn is_another(&self, existing: Option<&ExistingTable>) -> bool {
        let differs = |(seen, now): (&ExistingTable, &ExistingTable)| {
            let columns = |table: &ExistingTable| -> Vec<(String, String)> {
                let columns = table.columns.iter();
                columns.map(|column| (column.name.clone(), column.ty.clone())).collect()
            };
            columns(seen) != columns(now)
        };
        self.seen.as_deref().zip(existing).is_some_and(differs)
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
        let Shape { table, encoder, written, existing } = Box::pin(self.shape(plan)).await?;
        if !self.hold(table.name()).await? {
            return Ok(Readiness::Standby);
        }
        if self.is_another(existing.as_ref()) {
            return Err(Error::Superseded(table.name().clone()));
        }
        self.seen = self.seen.take().or(existing.map(Box::new));
        let run = prepare::run(&self.database, &table, plan, self.options.begun);
        let prepared = Box::pin(run).await;
        if prepared.as_ref().is_err_and(Error::is_unfit)
            && self.options.as_stored
            && self.is_another(Box::pin(self.database.existing(table.name())).await?.as_ref())
        {
            return Err(Error::Superseded(table.name().clone()));
        }
        let checkpoint = prepared?;
        self.prepared = Some(Prepared {
            written,
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
        let rows = match &self.prepared.written {
            Some(written) => rows.project(written),
            None => Ok(rows.clone()),
        };
        let rows = rows.map_err(|error| other_columns(self.prepared.table.name(), &error))?;
        self.prepared.encoder.check(&rows)?;
        self.rows.push(rows);
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
