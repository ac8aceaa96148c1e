//! One commit: retract, copy, move the checkpoint, in one transaction and two round trips.
//!
//! 1. `BEGIN`, the compare-and-swap, the retraction and the announcement, in one message, and `COPY` right
//!    behind it. The compare-and-swap comes first, so that a second writer is refused before it does any
//!    work, and a retry waits for an older attempt that may still be under way instead of running
//!    beside it. What follows waits for the answers: should `BEGIN` fail, it would otherwise happen
//!    outside of a transaction. A `COPY` whose rows never end changes nothing, wherever it happens.
//! 2. The rows, which are encoded while the server takes them in; their end, the ledger and `COMMIT`, sent
//!    at once. After any failure `COMMIT` is a `ROLLBACK`, so that whatever the server refuses was not
//!    committed. A connection that is lost from here on leaves it open.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use ampsync_schema::Table;
use arrow_array::RecordBatch;
use bytes::Bytes;
use futures::SinkExt;
use sync_core::chain::BlockNum;
use sync_core::{Advance, CommitError, Committed};
use tokio_postgres::{CopyInSink, SimpleQueryMessage, Statement};

use crate::bookkeeping::{self, LedgerStatements, Reorg};
use crate::database::Connection;
use crate::error::Error;
use crate::notify::{self, Announced};
use crate::sink::PgTxn;
use crate::sql;

/// The statement that takes the rows of `table`.
pub(crate) fn copy_statement(table: &Table) -> String {
    let columns: Vec<_> = table.columns().iter().map(|column| column.name.to_string()).collect();
    format!("COPY {} ({}) FROM STDIN WITH (FORMAT binary)", table.name(), columns.join(", "))
}

pub(crate) async fn run(
    txn: PgTxn<'_>,
    advance: &Advance,
) -> Result<Committed, CommitError<Error>> {
    let PgTxn { database, lease, prepared, invalidated, rows } = txn;
    if !lease.is_valid() {
        return Err(CommitError::Aborted(Error::LeaseLost));
    }
    // Dropping the connection undoes everything: that is what every early return does.
    let connection = database.connection().await.map_err(CommitError::Aborted)?;
    let invalidated: Vec<_> = invalidated.iter().map(|range| (range.start, range.end)).collect();
    let commit = Commit {
        database,
        prepared: &*prepared,
        connection: &connection,
        advance,
        rows: &rows,
        asked: AtomicBool::new(false),
        is_swollen: AtomicBool::new(false),
    };
    let statements = commit.prepare().await.map_err(CommitError::Aborted)?;
    // Sent in this order.
    let (begun, copying) =
        futures::join!(commit.begin(&invalidated), commit.open(&statements.copy, &invalidated));
    let Some(retracted) = begun.map_err(CommitError::Aborted)? else {
        return Err(CommitError::Fenced);
    };
    let mut copying = copying.map_err(CommitError::Aborted)?;
    let reorg = commit.reorg(&invalidated, retracted);
    let written = commit.write(&statements.ledger, reorg.as_ref(), copying.as_mut()).await;
    let (asked, is_swollen) = (commit.asked.into_inner(), commit.is_swollen.into_inner());
    match written {
        Ok(()) => {
            if !is_swollen {
                connection.keep();
            }
            prepared.cursor.clone_from(&advance.cursor);
            prepared.reached = notify::reached(advance.cursor.as_ref(), advance.provisional);
            Ok(Committed { retracted: Some(retracted) })
        }
        Err(error) if error.is_refusal() || !asked => Err(CommitError::Aborted(error)),
        Err(error) => Err(CommitError::InDoubt(error)),
    }
}

struct Commit<'a> {
    database: &'a crate::database::Database,
    prepared: &'a crate::sink::Prepared,
    connection: &'a Connection,
    advance: &'a Advance,
    /// What it adds.
    rows: &'a [RecordBatch],
    /// Whether `COMMIT` may have been sent.
    asked: AtomicBool,
    /// Whether the connection has had more to send at once than it should keep room for.
    is_swollen: AtomicBool,
}

/// What a commit executes, prepared on its connection.
struct Statements {
    ledger: LedgerStatements,
    copy: Statement,
}

impl Commit<'_> {
    /// Costs a round trip only the first time a connection writes the table.
    async fn prepare(&self) -> Result<Statements, Error> {
        let copy = self.connection.prepare_cached(&self.prepared.copy);
        let (ledger, copy) = futures::try_join!(
            LedgerStatements::prepare(self.database, self.connection),
            self.database.answer("prepare to copy rows", copy),
        )?;
        Ok(Statements { ledger, copy })
    }

    /// Begins, moves the checkpoint and retracts. Returns how many rows were deleted, or `None`
    /// if the checkpoint was not where it should be.
    async fn begin(&self, invalidated: &[(BlockNum, BlockNum)]) -> Result<Option<u64>, Error> {
        let table = &self.prepared.table;
        let swap = bookkeeping::compare_and_swap(table.name(), self.advance)?;
        let mut batch = format!("{}; {swap}", self.database.begin());
        let announcement = self.announcement(invalidated);
        let messages = if invalidated.is_empty() {
            batch.push_str(&announcement);
            let swap = self.connection.simple_query(&batch);
            self.database.answer("move the checkpoint", swap).await?
        } else {
            batch.push_str("; ");
            batch.push_str(&sql::retract(table.name(), table.block_column(), invalidated));
            batch.push_str(&announcement);
            let retract = self.connection.simple_query(&batch);
            self.database.long_answer("delete the rows of a reorg", retract).await?
        };
        let counts: Vec<_> = messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
                // Its rows and whatever a later version adds.
                SimpleQueryMessage::Row(_) | SimpleQueryMessage::RowDescription(_) | _ => None,
            })
            .collect();
        // BEGIN, SET, UPDATE, and with a retraction SET, DELETE; last of all an announcement.
        let swapped = counts.get(2) == Some(&1);
        let retracted = if invalidated.is_empty() { None } else { counts.get(4).copied() };
        Ok(swapped.then(|| retracted.unwrap_or(0)))
    }

    /// The statement that announces the commit, after a semicolon; empty where nobody asked for it.
    fn announcement(&self, invalidated: &[(BlockNum, BlockNum)]) -> String {
        let Some(channel) = &self.prepared.notify else { return String::new() };
        let announced = Announced {
            table: self.prepared.table.name(),
            advance: self.advance,
            reached: self.prepared.reached,
            base: invalidated.iter().map(|(start, _)| *start).min(),
            rows: self.count(),
        };
        format!("; {}", announced.statement(channel))
    }

    fn reorg(&self, invalidated: &[(BlockNum, BlockNum)], rows: u64) -> Option<Reorg> {
        let base = invalidated.iter().map(|(start, _)| *start).min()?;
        let end = invalidated.iter().map(|(_, end)| *end).max()?;
        Some(Reorg { base, end, rows, from: self.prepared.cursor.clone() })
    }

    /// Makes the server ready to take rows in, if there are any, once it has begun.
    async fn open(
        &self,
        copy: &Statement,
        invalidated: &[(BlockNum, BlockNum)],
    ) -> Result<Option<CopySink>, Error> {
        if self.count() == 0 {
            return Ok(None);
        }
        let copy = self.connection.copy_in(copy);
        let sink = match invalidated {
            [] => self.database.answer(COPY, copy).await?,
            // It waits behind the retraction.
            _ => self.database.long_answer(COPY, copy).await?,
        };
        Ok(Some(Box::pin(sink)))
    }

    /// Copies the rows, moves the ledger, and commits.
    async fn write(
        &self,
        ledger: &LedgerStatements,
        reorg: Option<&Reorg>,
        mut copying: Option<&mut CopySink>,
    ) -> Result<(), Error> {
        if let Some(sink) = &mut copying {
            self.copy(sink).await?;
        }
        let (database, connection) = (self.database, self.connection);
        let table = self.prepared.table.name();
        let finish = async {
            let Some(sink) = copying else { return Ok(()) };
            database.answer(COPY, sink.as_mut().finish()).await.map(drop)
        };
        let log = async {
            let Some(reorg) = reorg else { return Ok(()) };
            ledger.log(database, connection, table, reorg).await
        };
        // Sent in this order.
        let advance = ledger.advance(database, connection, table, self.advance);
        futures::try_join!(finish, advance, log, self.end()).map(drop)
    }

    /// Commits.
    async fn end(&self) -> Result<(), Error> {
        self.asked.store(true, Ordering::Relaxed);
        let commit = self.connection.batch_execute("COMMIT");
        self.database.answer("commit", commit).await.map_err(|error| match self.prepared.notify {
            Some(_) => error.of_announced_commit(),
            None => error,
        })
    }

    /// How many rows it adds.
    fn count(&self) -> u64 {
        let rows: usize = self.rows.iter().map(RecordBatch::num_rows).sum();
        u64::try_from(rows).unwrap_or(u64::MAX)
    }

    /// Encodes the rows while the server takes them in.
    ///
    /// Each step is bounded, not the whole: a slow server may take its time as long as it takes.
    async fn copy(&self, sink: &mut CopySink) -> Result<(), Error> {
        let encoder = &self.prepared.encoder;
        let mut data = encoder.data();
        for rows in self.rows {
            let mut encoding = encoder.begin(rows)?;
            while encoding.fill(&mut data)? {
                self.send(sink, data.take()).await?;
            }
        }
        self.send(sink, data.finish()).await
    }

    async fn send(&self, sink: &mut CopySink, data: Bytes) -> Result<(), Error> {
        if data.len() > KEPT_BYTES_MAX {
            self.is_swollen.store(true, Ordering::Relaxed);
        }
        let Err(error) = self.database.answer(COPY, sink.feed(data)).await else { return Ok(()) };
        // A server that has stopped listening says why when it is asked to finish.
        let finish = self.database.answer(COPY, sink.as_mut().finish());
        Err(finish.await.err().unwrap_or(error))
    }
}

type CopySink = Pin<Box<CopyInSink<Bytes>>>;

const COPY: &str = "copy the rows";

/// A connection's buffer never shrinks: one that has had to hold more is not used again.
const KEPT_BYTES_MAX: usize = 16 << 20;
