//! Begins the next revision of a table, and gives one up.

use std::time::Duration;

use ampsync_schema::{QualifiedName, quote_literal};
use tokio_postgres::Client;

use super::exchange::Work;
use super::{Revision, RevisionKind, Revisions, find, next_name};
use crate::bookkeeping;
use crate::catalog::Relation;
use crate::database::{Connection, Database};
use crate::error::Error;
use crate::lease::lock_key;
use crate::sql;

/// A next revision, begun or found.
pub(super) struct Begun {
    /// The one whose place it is to take.
    pub(super) current: Revision,
    /// The table that it is filled into.
    pub(super) table: QualifiedName,
    /// The statements that were executed, but for those that only move the bookkeeping.
    pub(super) statements: Vec<String>,
}

/// What becomes of tables that are there and have the rows that are wanted, as a next one or a kept one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// One is gone on with, or taken up again.
    Yes,
    /// None is, because they cannot hold what is wanted: it is filled from the first block.
    No,
}

/// How often, and how far apart, it is tried whether nobody writes a table: a sink that was dropped
/// just now gives back its right a moment later.
const GIVEN_BACK: (usize, Duration) = (10, Duration::from_millis(20));

const DOING: &str = "begin the next revision of the table";

impl Database {
    /// Begins to fill another revision of `table`, from the dataset and query of `identity`, or goes on with it.
    /// Returns the table that it is to be filled into, which a sink with
    /// [`begun`](crate::SinkOptions::begun) then creates. One that was replaced before and is the
    /// same is taken up again where it was; a next one of anything else is dropped. `reuse` says whether those
    /// that are there can be used at all.
    ///
    /// `block_column` is the one of the table that is there now: what is needed to follow it again
    /// once it is only kept.
    ///
    /// # Errors
    /// [`Error::NotKept`] without a current table, [`Error::InUse`] while another instance fills one
    /// from something else, and whatever keeps the server from answering.
    pub async fn begin_next(
        &self,
        table: &QualifiedName,
        identity: (&str, &str),
        block_column: &str,
        reuse: Reuse,
    ) -> Result<QualifiedName, Error> {
        let connection = self.connection().await?;
        self.answer(DOING, connection.batch_execute(self.begin())).await?;
        self.hold(&connection, table).await?;
        let next = self.begin_in(&connection, table, identity, reuse).await?.table;
        let note = "UPDATE ampsync.checkpoints SET block_column = nullif($3, '_block_num') \
                    WHERE table_schema = $1 AND table_name = $2";
        let (schema, name) = (table.schema.as_str(), table.name.as_str());
        self.answer(DOING, connection.execute(note, &[&schema, &name, &block_column])).await?;
        self.answer(DOING, connection.batch_execute("COMMIT")).await?;
        connection.keep();
        Ok(next)
    }

    /// Does it in the transaction that is open.
    pub(super) async fn begin_in(
        &self,
        connection: &Connection,
        table: &QualifiedName,
        (dataset, query): (&str, &str),
        reuse: Reuse,
    ) -> Result<Begun, Error> {
        let found = self.bounded(DOING, find(connection, table)).await?;
        let Some(current) = found.current else { return Err(Error::NotKept(table.clone())) };
        let is_wanted = |stored: &&Revision| {
            reuse == Reuse::Yes && stored.dataset == dataset && stored.query == query
        };
        let next = next_name(table)?;
        let mut statements = Vec::new();
        // A writer that has not noticed must not find the version it knows.
        let others = found.next.iter().chain(&found.kept).map(|stored| stored.version);
        let version = later(others.fold(current.version, u64::max))?;
        match &found.next {
            Some(stored) if is_wanted(&stored) => {
                let table = stored.table.clone();
                return Ok(Begun { current, table, statements: Vec::new() });
            }
            Some(stored) => {
                statements.extend(self.give_up(connection, table, (stored, version)).await?);
            }
            None => {}
        }
        let kept =
            found.kept.iter().find(|kept| kept.kind == RevisionKind::Previous && is_wanted(kept));
        match kept {
            Some(kept) => statements.push(self.take_up(connection, kept, &next, version).await?),
            None => {
                let insert = insert(connection, table, &next, (dataset, query), version);
                self.answer(DOING, insert).await?;
            }
        }
        Ok(Begun { current, table: next, statements })
    }

    /// Gives up the table that is being filled to take the place of `table`: drops it, or keeps it again
    /// if it was kept before. Returns whether there was one.
    ///
    /// # Errors
    /// [`Error::InUse`] while another instance fills it, and whatever keeps the server from
    /// answering.
    pub async fn drop_next(&self, table: &QualifiedName) -> Result<bool, Error> {
        const DOING: &str = "give up the next revision of the table";
        let connection = self.connection().await?;
        self.answer(DOING, connection.batch_execute(self.begin())).await?;
        self.hold(&connection, table).await?;
        let Revisions { next, .. } = self.bounded(DOING, find(&connection, table)).await?;
        if let Some(next) = &next {
            let version = later(next.version)?;
            self.give_up(&connection, table, (next, version)).await?;
        }
        self.answer(DOING, connection.batch_execute("COMMIT")).await?;
        connection.keep();
        Ok(next.is_some())
    }

    /// Keeps the row of the current table, so that only one instance decides at a time.
    async fn hold(&self, connection: &Connection, table: &QualifiedName) -> Result<(), Error> {
        let row = bookkeeping::read_for_update(connection, table);
        self.bounded(DOING, row).await.map(drop)
    }

    /// Drops and forgets a next table, or keeps it as it was kept before, if nobody writes it. Returns
    /// the statements.
    async fn give_up(
        &self,
        connection: &Connection,
        table: &QualifiedName,
        (stored, version): (&Revision, i64),
    ) -> Result<Vec<String>, Error> {
        let next = &stored.table;
        self.nobody_writes(connection, next).await?;
        let find = Relation::find(connection, next);
        let found = self.answer(DOING, find).await?.filter(Relation::is_table);
        let work = Work { database: self, connection, table };
        let (kept, statements) = match &found {
            Some(relation) if stored.was_replaced => {
                let (kept, statements) = work.keep_again(next, relation.oid()).await?;
                (Some(kept), statements)
            }
            Some(_) => (None, vec![format!("DROP TABLE {next}")]),
            None => (None, Vec::new()),
        };
        for statement in &statements {
            self.long_answer(DOING, connection.batch_execute(statement)).await?;
        }
        match kept {
            Some(kept) => {
                self.note(connection, next, (&kept, RevisionKind::Previous), version).await?
            }
            None => _ = self.answer(DOING, bookkeeping::forget(connection, next)).await?,
        }
        Ok(statements)
    }

    /// Takes the right to write a table, until the transaction ends.
    async fn nobody_writes(
        &self,
        connection: &Connection,
        table: &QualifiedName,
    ) -> Result<(), Error> {
        let key = quote_literal(&lock_key(table));
        let lock = format!("SELECT pg_try_advisory_xact_lock(hashtextextended({key}, 0))");
        for attempt in 1..=GIVEN_BACK.0 {
            let rows = self.answer(DOING, connection.query(&lock, &[])).await?;
            if sql::scalar(&rows, DOING)? {
                return Ok(());
            }
            if attempt < GIVEN_BACK.0 {
                tokio::time::sleep(GIVEN_BACK.1).await;
            }
        }
        let writer = self.writer(table).await?.map(Box::new);
        Err(Error::InUse { table: table.clone(), writer })
    }

    /// Makes a kept table the next one again. Returns the statement.
    async fn take_up(
        &self,
        connection: &Connection,
        kept: &Revision,
        next: &QualifiedName,
        version: i64,
    ) -> Result<String, Error> {
        let rename = format!("ALTER TABLE {} RENAME TO {}", kept.table, next.name);
        self.answer(DOING, connection.batch_execute(&rename)).await?;
        self.note(connection, &kept.table, (next, RevisionKind::Next), version).await?;
        Ok(rename)
    }

    /// Notes that a table has another name, and is something else.
    async fn note(
        &self,
        connection: &Connection,
        from: &QualifiedName,
        (to, kind): (&QualifiedName, RevisionKind),
        version: i64,
    ) -> Result<(), Error> {
        let (schema, before, now) = (from.schema.as_str(), from.name.as_str(), to.name.as_str());
        let kind = kind.as_str();
        let row = "UPDATE ampsync.checkpoints SET table_name = $3, kind = $4, version = $5 \
                   WHERE table_schema = $1 AND table_name = $2";
        let moved = async {
            bookkeeping::rename_ledger(connection, from, &to.name).await?;
            connection.execute(row, &[&schema, &before, &now, &kind, &version]).await
        };
        self.answer(DOING, moved).await.map(drop)
    }
}

/// A version after this one.
fn later(version: u64) -> Result<i64, Error> {
    let version = version + 1;
    i64::try_from(version).map_err(|_| Error::TooLarge { what: "version", value: version })
}

async fn insert(
    client: &Client,
    table: &QualifiedName,
    next: &QualifiedName,
    (dataset, query): (&str, &str),
    version: i64,
) -> Result<(), tokio_postgres::Error> {
    let insert = "INSERT INTO ampsync.checkpoints \
                  (table_schema, table_name, dataset, query, columns, version, kind, of_table) \
                  VALUES ($1, $2, $3, $4, '{}', $5, 'next', $6)";
    let (schema, name) = (next.schema.as_str(), next.name.as_str());
    let of = table.name.as_str();
    client.execute(insert, &[&schema, &name, &dataset, &query, &version, &of]).await.map(drop)
}
