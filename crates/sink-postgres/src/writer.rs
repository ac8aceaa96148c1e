//! Who has the right to write a table, as everybody can see.

use std::fmt;
use std::time::SystemTime;

use ampsync_schema::QualifiedName;
use tokio_postgres::Row;

use crate::database::Database;
use crate::error::Error;

/// A session that has the right to write a table: an instance of ampsync. What PostgreSQL shows
/// only to some roles (`pg_read_all_stats`, or the session's own) may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Writer {
    /// Its process on the database server, for `pg_terminate_backend`.
    pub pid: i32,
    /// What it calls itself.
    pub application: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// From where it is connected; nothing for a Unix socket.
    pub address: Option<String>,
    /// Since when it is connected.
    pub since: Option<SystemTime>,
}

/// `pid 4711, ampsync, from 10.0.0.7`: as far as it is known.
impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)?;
        if let Some(application) = self.application.as_deref().filter(|name| !name.is_empty()) {
            write!(f, ", {application}")?;
        }
        self.address.as_ref().map_or(Ok(()), |address| write!(f, ", from {address}"))
    }
}

/// For a `FROM` list: the session that has the advisory lock of table `{schema}`.`{name}`, which
/// are expressions. The lock's key is 64 bits, of which the catalog shows the halves.
macro_rules! writer_of {
    ($schema:literal, $name:literal) => {
        concat!(
            "(SELECT l.pid, a.application_name, a.usename::text AS role, \
               pg_catalog.host(a.client_addr) AS address, a.backend_start \
             FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                                 WHERE datname = pg_catalog.current_database()) \
               AND ((l.classid::bigint << 32) | l.objid::bigint) = \
                   pg_catalog.hashtextextended('ampsync:' || ",
            $schema,
            " || '.' || ",
            $name,
            ", 0) LIMIT 1)"
        )
    };
}
pub(crate) use writer_of;

impl Writer {
    /// The writer in a row that has the columns of [`writer_of`].
    pub(crate) fn read(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let Some(pid) = row.try_get("pid")? else { return Ok(None) };
        Ok(Some(Self {
            pid,
            application: row.try_get("application_name")?,
            role: row.try_get("role")?,
            address: row.try_get("address")?,
            since: row.try_get("backend_start")?,
        }))
    }
}

impl Database {
    /// Who has the right to write `table` now, if somebody has. Cancellation is harmless.
    ///
    /// # Errors
    /// Whatever keeps the server from answering.
    pub async fn writer(&self, table: &QualifiedName) -> Result<Option<Writer>, Error> {
        const DOING: &str = "look for who writes the table";
        const FIND: &str = concat!("SELECT w.* FROM ", writer_of!("$1::text", "$2::text"), " w");
        let connection = self.connection().await?;
        let (schema, name) = (table.schema.as_str(), table.name.as_str());
        let row = self.answer(DOING, connection.query_opt(FIND, &[&schema, &name])).await?;
        connection.keep();
        let writer = row.map(|row| Writer::read(&row)).transpose();
        writer.map(Option::flatten).map_err(Error::server(DOING))
    }
}
