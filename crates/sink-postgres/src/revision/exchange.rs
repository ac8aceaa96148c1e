//! Puts one table in the place of another, in one transaction.
//!
//! Nobody has to stop for it. The rows of both checkpoints are locked first, which waits for commits that
//! are under way and keeps others from beginning; then their versions move on, so that whoever wrote either
//! table is fenced by its next compare-and-swap and looks again.

use std::time::Duration;

use ampsync_schema::QualifiedName;
use tokio_postgres::Client;

use super::carry::{self, Obstacle};
use super::complete::Exchange;
use super::constraints::Constraints;
use super::{Revision, RevisionKind, Revisions, find};
use crate::bookkeeping::{self, Stored};
use crate::catalog::Relation;
use crate::database::{Connection, Database};
use crate::error::Error;

/// A table took the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchanged {
    /// What the table that was there is called now.
    pub kept: QualifiedName,
    /// What it is now.
    pub kind: RevisionKind,
    /// The statements that were executed, but for those that only move the bookkeeping.
    pub statements: Vec<String>,
}

const DOING: &str = "put the table in the place of the one before";

/// How long readers may have to wait behind us for the lock on the table, before we let them go first; and
/// every name in what PostgreSQL writes is whole.
pub(super) const LOCK: &str = "SET LOCAL lock_timeout = 1000; SET LOCAL search_path = ''";

/// How long the commits of the table are held while the next one completes the same block.
const CATCH_UP: (usize, Duration) = (40, Duration::from_millis(50));

/// How many blocks it may be behind to be waited for.
const NEAR_BLOCKS: u64 = 100;

impl Database {
    /// Puts the next revision of `table` in its place, once it has come at least as far. The one that was
    /// there is kept under another name.
    ///
    /// Cancellation leaves everything as it was, or done: [`revisions`](Self::revisions) says which.
    ///
    /// # Errors
    /// [`Error::Behind`] while the next one is not as far, [`Error::Locked`] while somebody's lock on the
    /// table outlasts a second, [`Error::Blocked`] where something depends on the table that cannot be
    /// carried over, [`Error::Alter`] where a statement is refused, [`Error::NotKept`] where there is
    /// nothing to exchange, and whatever keeps the server from answering.
    pub async fn swap(&self, table: &QualifiedName) -> Result<Exchanged, Error> {
        self.exchange(table, |found| Some((found.next.clone()?, RevisionKind::Previous))).await
    }

    /// Puts the revision of `table` that was replaced last in its place again. The one that was there is
    /// kept, as [`Rejected`](RevisionKind::Rejected); a second rollback takes it back. What it lacks is built
    /// on it first, as [`complete_next`](Self::complete_next) does.
    ///
    /// # Errors
    /// As [`swap`](Self::swap).
    pub async fn roll_back(&self, table: &QualifiedName) -> Result<Exchanged, Error> {
        let choose = |found: &Revisions| {
            let kept = found.kept.first()?.clone();
            let displaced = match kept.kind {
                RevisionKind::Rejected => RevisionKind::Previous,
                RevisionKind::Current | RevisionKind::Next | RevisionKind::Previous => {
                    RevisionKind::Rejected
                }
            };
            Some((kept, displaced))
        };
        let kept = |found: &Revisions| found.kept.first().cloned();
        let (Exchange { obstacles, .. }, _) = self.complete(table, kept).await?;
        if !obstacles.is_empty() {
            return Err(Error::Blocked { table: table.clone(), obstacles });
        }
        self.exchange(table, choose).await
    }

    async fn exchange(
        &self,
        table: &QualifiedName,
        choose: impl Fn(&Revisions) -> Option<(Revision, RevisionKind)>,
    ) -> Result<Exchanged, Error> {
        let connection = self.connection().await?;
        let begin = format!("{}; {LOCK}", self.begin());
        self.answer(DOING, connection.batch_execute(&begin)).await?;
        let work = Work { database: self, connection: &connection, table };
        let before = self.bounded(DOING, bookkeeping::read_for_update(&connection, table)).await;
        let Some(before) = before.map_err(|error| locked(error, table, None))? else {
            return Err(Error::NotKept(table.clone()));
        };
        let found = self.bounded(DOING, find(&connection, table)).await?;
        let (current, (other, kind)) = match (found.current.clone(), choose(&found)) {
            (Some(current), Some(chosen)) => (current, chosen),
            _ => return Err(Error::NotKept(table.clone())),
        };
        check_network(&before, &other, table)?;
        work.catches_up(&before, &other).await?;
        let oids = self.oids(&connection, &current.table, &other.table).await?;
        let lock = format!("LOCK TABLE {table}, {} IN ACCESS EXCLUSIVE MODE", other.table);
        if let Err(error) = self.answer(DOING, connection.batch_execute(&lock)).await {
            return Err(locked(error, table, self.holders(oids.0).await.ok()));
        }
        let version = current.version.max(other.version.max(before.checkpoint.version)) + 1;
        let obstacles = carry::obstacles(&connection, oids, &current.columns);
        let mut obstacles = self.bounded(DOING, obstacles).await?;
        let constraints = Constraints::of(&connection, oids);
        obstacles.extend(self.bounded(DOING, constraints).await?.missing());
        if !obstacles.is_empty() {
            return Err(Error::Blocked { table: table.clone(), obstacles });
        }
        let exchanged = work.statements(&other.table, oids, kind).await?;
        for statement in &exchanged.statements {
            tracing::info!(%table, statement, "changing the database");
            self.alter(&connection, table, statement).await?;
        }
        work.note(&exchanged, &other, version).await?;
        match self.answer(DOING, connection.batch_execute("COMMIT")).await {
            Ok(()) => {
                connection.keep();
                Ok(exchanged)
            }
            // Whether it was done, the bookkeeping says.
            Err(error) if !error.is_refusal() => {
                let now = self.revisions(table).await?.current;
                let is_done = now.is_some_and(|now| now.version >= version && same(&now, &other));
                if is_done { Ok(exchanged) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn oids(
        &self,
        client: &Client,
        current: &QualifiedName,
        other: &QualifiedName,
    ) -> Result<(u32, u32), Error> {
        let mut oids = [0, 0];
        for (oid, table) in oids.iter_mut().zip([current, other]) {
            let relation = self.answer(DOING, Relation::find(client, table)).await?;
            let relation = relation.ok_or_else(|| Error::TableGone(table.clone()))?;
            if !relation.is_table() {
                return Err(Error::NotATable(table.clone()));
            }
            *oid = relation.oid();
        }
        Ok((oids[0], oids[1]))
    }

    /// Who has locks on the table, for a person.
    async fn holders(&self, oid: u32) -> Result<String, Error> {
        let select = "SELECT coalesce(pg_catalog.string_agg(DISTINCT pg_catalog.format( \
                        'pid %s (%s), for %s s', a.pid, a.application_name, \
                        extract(epoch FROM clock_timestamp() - a.xact_start)::bigint), '; '), '') \
                      FROM pg_catalog.pg_locks l \
                      JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
                      WHERE l.relation = $1 AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() \
                        AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                                          WHERE datname = pg_catalog.current_database())";
        let connection = self.connection().await?;
        let row = self.answer(DOING, connection.query_one(select, &[&oid])).await?;
        connection.keep();
        row.try_get(0).map_err(Error::server(DOING))
    }

    /// Executes a statement that may take long.
    pub(super) async fn alter(
        &self,
        client: &Client,
        table: &QualifiedName,
        statement: &str,
    ) -> Result<(), Error> {
        match self.long_answer(DOING, client.batch_execute(statement)).await {
            Err(Error::Server { source, .. })
                if source.code().is_some_and(|code| code != "55P03") =>
            {
                let (table, statement) = (table.clone(), statement.to_owned());
                Err(Error::Alter { table, statement, source })
            }
            Err(error) => Err(locked(error, table, None)),
            Ok(()) => Ok(()),
        }
    }
}

/// Tables of two networks have no blocks in common.
fn check_network(before: &Stored, other: &Revision, table: &QualifiedName) -> Result<(), Error> {
    let network = before.checkpoint.cursor.as_ref().map(|cursor| &cursor.network);
    match (network, &other.network) {
        (Some(before), Some(now)) if before != now => {
            let what = format!("the network {}", before.as_str());
            let why = format!("the new table is of {}", now.as_str());
            let obstacles = vec![Obstacle { what, why }];
            Err(Error::Blocked { table: table.clone(), obstacles })
        }
        _ => Ok(()),
    }
}

fn same(left: &Revision, right: &Revision) -> bool {
    left.dataset == right.dataset && left.query == right.query
}

/// A lock that was not given in time is an error of its own.
fn locked(error: Error, table: &QualifiedName, by: Option<String>) -> Error {
    let is_lock = matches!(&error, Error::Server { source, .. } if source.code() == Some("55P03"));
    if !is_lock {
        return error;
    }
    Error::Locked { table: table.clone(), by: by.filter(|by| !by.is_empty()) }
}

pub(super) struct Work<'a> {
    pub(super) database: &'a Database,
    pub(super) connection: &'a Connection,
    pub(super) table: &'a QualifiedName,
}

impl Work<'_> {
    /// Waits until the other table has come as far, for a moment, and keeps it there. A kept one stays
    /// behind: readers then see it as of its own block until it has caught up.
    async fn catches_up(&self, before: &Stored, other: &Revision) -> Result<(), Error> {
        let is_next = other.kind == RevisionKind::Next;
        for attempt in 0..=CATCH_UP.0 {
            let look = bookkeeping::look(self.connection, &other.table);
            let now = self.database.bounded(DOING, look).await?;
            let is_there = now.as_ref().is_some_and(|now| reaches(now, before));
            let is_near = now.as_ref().is_some_and(|now| is_near(now, before));
            if !is_next || is_there || !is_near || attempt == CATCH_UP.0 {
                break;
            }
            tokio::time::sleep(CATCH_UP.1).await;
        }
        let held = bookkeeping::read_for_update(self.connection, &other.table);
        let held = self.database.bounded(DOING, held).await;
        match held.map_err(|error| locked(error, self.table, None))? {
            Some(held) if !is_next || reaches(&held, before) => Ok(()),
            Some(_) => Err(Error::Behind { table: other.table.clone() }),
            None => Err(Error::NotKept(self.table.clone())),
        }
    }

    /// Moves the bookkeeping: the one that was there first, to make room for the other.
    async fn note(
        &self,
        Exchanged { kept, kind, .. }: &Exchanged,
        other: &Revision,
        version: u64,
    ) -> Result<(), Error> {
        let version = i64::try_from(version)
            .map_err(|_| Error::TooLarge { what: "version", value: version })?;
        let (schema, table) = (self.table.schema.as_str(), self.table.name.as_str());
        let (to, from) = (kept.name.as_str(), other.table.name.as_str());
        let kind = kind.as_str();
        let aside = "UPDATE ampsync.checkpoints SET table_name = $3, kind = $4, of_table = $2, \
                     replaced_at = now(), version = $5 WHERE table_schema = $1 AND table_name = $2";
        let current = "UPDATE ampsync.checkpoints SET table_name = $3, kind = 'current', \
                       of_table = NULL, replaced_at = NULL, version = $4 \
                       WHERE table_schema = $1 AND table_name = $2";
        let client = self.connection;
        let moved = async {
            bookkeeping::rename_ledger(client, self.table, &kept.name).await?;
            client.execute(aside, &[&schema, &table, &to, &kind, &version]).await?;
            bookkeeping::rename_ledger(client, &other.table, &self.table.name).await?;
            client.execute(current, &[&schema, &from, &table, &version]).await
        };
        self.database.answer(DOING, moved).await.map(drop)
    }
}

/// Whether so few blocks are missing that it is worth to wait.
fn is_near(now: &Stored, before: &Stored) -> bool {
    let block =
        |stored: &Stored| stored.checkpoint.cursor.as_ref().map(|cursor| cursor.number.get());
    let (now, before) = (block(now), block(before));
    now.is_some_and(|now| now.saturating_add(NEAR_BLOCKS) >= before.unwrap_or(0))
}

/// Whether a table is at least as far as another one, on the same fork as far as that can be told.
fn reaches(now: &Stored, before: &Stored) -> bool {
    match (&now.checkpoint.cursor, &before.checkpoint.cursor) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(now), Some(before)) => {
            now.network == before.network
                && (now.number > before.number
                    || (now.number == before.number && now.hash == before.hash))
        }
    }
}
