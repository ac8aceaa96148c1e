//! The right to write a table: a session advisory lock, for all tables of the process on one
//! connection, so that many tables need few connections.
//!
//! The locks live as long as that connection's session. A process that dies, or is cut off, loses
//! them within seconds, and another instance takes over. The compare-and-swap of the checkpoint
//! protects even where two believe they hold the lock.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ampsync_schema::{QualifiedName, quote_literal};
use futures::FutureExt;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::database::{Connection, Database};
use crate::error::Error;
use crate::sql;

/// All leases of the process.
#[derive(Default)]
pub(crate) struct Leases {
    session: tokio::sync::Mutex<Sessions>,
    open: Mutex<HashSet<QualifiedName>>,
}

#[derive(Default)]
struct Sessions {
    current: Option<Arc<Session>>,
    /// Sessions we gave up. The server may not have noticed yet, and then they keep our own
    /// locks from us.
    lost: Vec<Backend>,
}

/// The session that holds the locks.
struct Session {
    connection: Connection,
    backend: Backend,
    /// Set when the session is given up though its connection looks alive.
    void: AtomicBool,
}

/// A session as the server knows it. A process id comes again, its start time does not.
#[derive(Clone)]
struct Backend {
    pid: i32,
    start: String,
}

/// The right to write one table. Dropping it gives the right back.
pub(crate) struct Lease {
    session: Arc<Session>,
    /// Dropped after [`Lease::drop`] has run: the table can be opened again only once the unlock
    /// is on its way.
    open: Open,
    /// False while the server said that another session has the lock.
    locked: bool,
}

/// The mark that a sink of this process has the table open.
struct Open {
    leases: Arc<Leases>,
    table: QualifiedName,
}

impl Leases {
    /// Takes the right to write `table`; `None` if another instance has it.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        database: &Database,
        table: &QualifiedName,
    ) -> Result<Option<Lease>, Error> {
        let open = self.open(table)?;
        let mut sessions = self.session.lock().await;
        if let Some(dead) = sessions.current.take_if(|session| !session.is_valid()) {
            sessions.lost.push(dead.backend.clone());
        }
        let session = match sessions.current.take() {
            Some(session) => session,
            None => Arc::new(sessions.start(database).await?),
        };
        sessions.current = Some(Arc::clone(&session));
        // From here on, dropping the lease takes the lock back even if its answer never came.
        let mut lease = Lease { session, open, locked: true };
        let locked = {
            let client = &lease.session.connection;
            let statement =
                "SELECT pg_try_advisory_lock(hashtextextended($1, 0)), pg_backend_pid()";
            let key = lock_key(table);
            let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&key, Type::TEXT)];
            let query = client.query_typed(statement, &parameters);
            database.answer("take the right to write", query).await
        };
        match locked.and_then(|rows| lease.session.answered(&rows)) {
            Ok(true) => Ok(Some(lease)),
            Ok(false) => {
                lease.locked = false;
                Ok(None)
            }
            Err(error) => {
                sessions.give_up(&lease.session);
                Err(error)
            }
        }
    }

    fn open(self: &Arc<Self>, table: &QualifiedName) -> Result<Open, Error> {
        if self.tables().insert(table.clone()) {
            Ok(Open { leases: Arc::clone(self), table: table.clone() })
        } else {
            Err(Error::AlreadyOpen(table.clone()))
        }
    }

    fn tables(&self) -> MutexGuard<'_, HashSet<QualifiedName>> {
        // A set of names is consistent at every step, also after a panic elsewhere.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Opens a session for the locks, and ends those we gave up.
    async fn start(&mut self, database: &Database) -> Result<Session, Error> {
        const DOING: &str = "open the session that keeps the right to write";
        let connection = database.connection().await?;
        let who = "SELECT pid, backend_start::text FROM pg_catalog.pg_stat_activity \
                   WHERE pid = pg_backend_pid()";
        let row = database.answer(DOING, connection.query_one(who, &[])).await?;
        let pid = row.try_get(0).map_err(Error::server(DOING))?;
        let start = row.try_get(1).map_err(Error::server(DOING))?;
        for backend in &self.lost {
            let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity \
                       WHERE pid = $1 AND backend_start = $2::text::timestamptz";
            let parameters: [&(dyn ToSql + Sync); 2] = [&backend.pid, &backend.start];
            let query = connection.execute(end, &parameters);
            if database.answer(DOING, query).await? > 0 {
                tracing::warn!(pid = backend.pid, "ended our own session that had lost its client");
            }
        }
        self.lost.clear();
        Ok(Session { connection, backend: Backend { pid, start }, void: AtomicBool::new(false) })
    }

    fn give_up(&mut self, session: &Session) {
        session.void.store(true, Ordering::Release);
        self.current = None;
        self.lost.push(session.backend.clone());
    }
}

impl Session {
    fn is_valid(&self) -> bool {
        !self.void.load(Ordering::Acquire) && !self.connection.is_closed()
    }

    /// Whether a lock was taken, and by this session: behind a pooler that was put in between
    /// later, it would be anybody's.
    fn answered(&self, rows: &[Row]) -> Result<bool, Error> {
        const DOING: &str = "take the right to write";
        let locked = sql::scalar(rows, DOING)?;
        let pid: Option<i32> = match rows.first() {
            Some(row) => row.try_get(1).map_err(Error::server(DOING))?,
            None => None,
        };
        if pid == Some(self.backend.pid) { Ok(locked) } else { Err(Error::TransactionPooling) }
    }
}

impl Lease {
    /// Whether the right is still ours, as far as this process knows.
    pub(crate) fn is_valid(&self) -> bool {
        self.session.is_valid()
    }

    /// The table.
    pub(crate) fn table(&self) -> &QualifiedName {
        &self.open.table
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.locked || !self.session.is_valid() {
            return;
        }
        let key = quote_literal(&lock_key(&self.open.table));
        let unlock = format!("SELECT pg_advisory_unlock(hashtextextended({key}, 0))");
        // Polled once, the statement is on its way, behind all that this session was asked
        // before; its answer is of no use to anybody.
        if let Some(Err(error)) = self.session.connection.batch_execute(&unlock).now_or_never() {
            tracing::debug!(%error, table = %self.open.table, "the right to write was not given back");
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.leases.tables().remove(&self.table);
    }
}

pub(crate) fn lock_key(table: &QualifiedName) -> String {
    format!("ampsync:{}.{}", table.schema.as_str(), table.name.as_str())
}
