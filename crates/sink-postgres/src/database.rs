use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType,
};
use tokio::sync::OnceCell;

use crate::connect::{Client, ConnectOptions};
use crate::error::Error;
use crate::lease::Leases;
use crate::session;

/// How a [`Database`] is used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// The most connections in use at a time, at least two: one keeps the right to write for all
    /// tables of the process, the others write.
    pub max_connections: NonZeroUsize,
    /// Whether a commit waits until it is on disk. Without it, a crash of the server may lose the
    /// last commits: rows and checkpoint together, so they are streamed again and nothing is
    /// missing; only another reader may have seen rows that come back a moment later.
    pub synchronous_commit: bool,
    /// How long the server may be silent before the connection is given up. Statements that may
    /// rightly take long (deleting, changing a table) have an hour.
    pub stall_timeout: Duration,
    /// How long a statement waits for a lock that another session keeps, for example an older
    /// commit of ours that is still under way. At least a millisecond.
    pub lock_timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            max_connections: NonZeroUsize::MIN.saturating_add(9),
            synchronous_commit: false,
            stall_timeout: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(10),
        }
    }
}

impl DatabaseOptions {
    /// See [`max_connections`](Self::max_connections).
    #[must_use]
    pub fn with_max_connections(mut self, max_connections: NonZeroUsize) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// See [`synchronous_commit`](Self::synchronous_commit).
    #[must_use]
    pub fn with_synchronous_commit(mut self, synchronous_commit: bool) -> Self {
        self.synchronous_commit = synchronous_commit;
        self
    }

    /// See [`stall_timeout`](Self::stall_timeout).
    #[must_use]
    pub fn with_stall_timeout(mut self, stall_timeout: Duration) -> Self {
        self.stall_timeout = stall_timeout;
        self
    }

    /// See [`lock_timeout`](Self::lock_timeout).
    #[must_use]
    pub fn with_lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }
}

/// One database, shared by all tables of the process. Cloning is cheap.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool<Opener>,
    leases: Arc<Leases>,
    stall_timeout: Duration,
    /// The statements that begin a transaction.
    begin: String,
}

/// How many connections a [`Database`] has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionUse {
    /// Connections that work, the one that keeps the right to write among them.
    pub used: usize,
    /// Connections that are open and wait for work.
    pub idle: usize,
    /// How many could be open.
    pub max: usize,
    /// How many tables wait for a connection because all are used.
    pub waiting: usize,
}

/// How long the statements that may rightly take long have.
const LONG_TIMEOUT: Duration = Duration::from_secs(60 * 60);

impl Database {
    /// The database at `target`, which may be a [`tokio_postgres::Config`]. What it leaves open
    /// (timeouts, keep-alives, the application's name) is set here. Opens no connection yet: that
    /// happens when a table is prepared, and again whenever one was lost.
    ///
    /// Before the first connection is used, two are opened to find out whether they are sessions
    /// of their own: see [`Error::TransactionPooling`].
    ///
    /// # Errors
    /// When the settings cannot work whatever the server is like.
    pub fn connect(
        target: impl Into<ConnectOptions>,
        options: &DatabaseOptions,
    ) -> Result<Self, Error> {
        if options.max_connections.get() < 2 {
            return Err(Error::Settings("at least two connections are needed"));
        }
        let target = target.into().map_config(session::configure);
        target.check()?;
        let opener = Opener {
            target,
            synchronous_commit: options.synchronous_commit,
            pooling_checked: OnceCell::new(),
        };
        let pool = Pool::builder(opener)
            .max_size(options.max_connections.get())
            .wait_timeout(Some(options.stall_timeout))
            .create_timeout(Some(options.stall_timeout))
            .runtime(Runtime::Tokio1)
            // The one that was used last knows the statements, and has its buffers.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|_| Error::Settings("the connection pool needs a runtime"))?;
        let leases = Arc::new(Leases::default());
        // Zero would mean to wait for ever.
        let lock_timeout_ms = options.lock_timeout.as_millis().max(1);
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {lock_timeout_ms}"
        );
        let stall_timeout = options.stall_timeout;
        Ok(Self { inner: Arc::new(Inner { pool, leases, stall_timeout, begin }) })
    }

    /// How many connections are open now. Asks nobody.
    #[must_use]
    pub fn connections(&self) -> ConnectionUse {
        let status = self.inner.pool.status();
        ConnectionUse {
            used: status.size.saturating_sub(status.available),
            idle: status.available,
            max: status.max_size,
            waiting: status.waiting,
        }
    }

    /// The two statements that begin a transaction of ours.
    pub(crate) fn begin(&self) -> &str {
        &self.inner.begin
    }

    pub(crate) fn leases(&self) -> &Arc<Leases> {
        &self.inner.leases
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        match self.inner.pool.get().await {
            Ok(object) => Ok(Connection { object: Some(object) }),
            Err(PoolError::Backend(error)) => Err(error.while_connecting()),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                Err(Error::NoConnection { limit: self.inner.stall_timeout })
            }
            Err(
                PoolError::Timeout(_)
                | PoolError::Closed
                | PoolError::NoRuntimeSpecified
                | PoolError::PostCreateHook(_),
            ) => {
                let limit = self.inner.stall_timeout;
                Err(Error::Stalled { doing: "connect to the database", limit })
            }
        }
    }

    /// A connection that nobody has used yet, so that it leads where the database is now.
    pub(crate) async fn new_connection(&self) -> Result<Connection, Error> {
        loop {
            let connection = self.connection().await?;
            let object = connection.object.as_ref();
            if object.is_some_and(|object| Object::metrics(object).recycle_count == 0) {
                return Ok(connection);
            }
            // Dropped without being kept, it is closed: the loop ends when no idle one is left.
        }
    }

    /// Waits for the server to answer, but not for ever.
    pub(crate) async fn answer<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        self.bounded(doing, async { work.await.map_err(Error::server(doing)) }).await
    }

    /// Waits for several answers, but not for ever.
    pub(crate) async fn bounded<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let limit = self.inner.stall_timeout;
        let expired = Error::Stalled { doing, limit };
        tokio::time::timeout(limit, work).await.unwrap_or(Err(expired))
    }

    /// Waits for the server to do what may rightly take long.
    pub(crate) async fn long_answer<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(LONG_TIMEOUT, work).await {
            Ok(result) => result.map_err(Error::server(doing)),
            Err(_) => Err(Error::Stalled { doing, limit: LONG_TIMEOUT }),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("pool", &self.inner.pool.status()).finish_non_exhaustive()
    }
}

/// Opens the pool's connections.
struct Opener {
    target: ConnectOptions,
    synchronous_commit: bool,
    /// Set once it is known that connections are sessions of their own.
    pooling_checked: OnceCell<()>,
}

impl Manager for Opener {
    type Type = Client;
    type Error = Error;

    async fn create(&self) -> Result<Client, Error> {
        // Before a setting of ours could end up in somebody else's session. Whoever else wants a
        // connection waits, so that there are never more than the pool may have.
        self.pooling_checked.get_or_try_init(|| Box::pin(self.target.probe())).await?;
        let client = Box::pin(self.target.open()).await?;
        session::complete(&client, self.synchronous_commit).await?;
        Ok(client)
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<Error> {
        if client.is_closed() { Err(RecycleError::message("it is closed")) } else { Ok(()) }
    }
}

/// A connection of the pool. Dropping it closes it, whatever state it is in, and the server
/// undoes what was not committed; only [`keep`](Connection::keep) gives it back for others.
pub(crate) struct Connection {
    /// Present until drop.
    object: Option<Object<Opener>>,
}

impl Connection {
    /// Gives the connection back to the pool: nothing is under way on it.
    pub(crate) fn keep(mut self) {
        drop(self.object.take());
    }
}

impl Deref for Connection {
    type Target = Client;

    #[expect(
        clippy::expect_used,
        reason = "only `keep` and `drop` empty it, and both end the value"
    )]
    fn deref(&self) -> &Client {
        self.object.as_ref().expect("a connection has its object until it is dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}
