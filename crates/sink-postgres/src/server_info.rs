use std::time::SystemTime;

use tokio_postgres::Row;

use crate::database::Database;
use crate::error::Error;

/// What a database server says of itself, and of the session that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Its version for people, such as `17.2 (Debian 17.2-1)`.
    pub version: String,
    /// Its version for comparisons: 170002 is 17.2.
    pub version_number: i32,
    /// Our role.
    pub role: String,
    /// Whether nothing can be written: a standby, or a database that is set so.
    pub read_only: bool,
    /// What its clock says.
    pub now: SystemTime,
    /// How many connections there are now, ours among them.
    pub connections: i64,
    /// How many there may be, for roles that are no superusers.
    pub connections_max: i64,
    /// How many more our role may open now: the lowest of the server's, the database's and the
    /// role's limit counts.
    pub connections_free: i64,
}

/// PostgreSQL 16 has reserved more connections for some roles than superusers' own.
const ASK: &str = "\
WITH used AS (SELECT coalesce(sum(numbackends), 0)::bigint AS all,
                     coalesce(sum(numbackends) FILTER (WHERE datname = pg_catalog.current_database()), 0)::bigint AS here
              FROM pg_catalog.pg_stat_database),
     most AS (SELECT pg_catalog.current_setting('max_connections')::bigint
                     - pg_catalog.current_setting('superuser_reserved_connections')::bigint
                     - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::bigint AS connections),
     mine AS (SELECT count(*) AS connections FROM pg_catalog.pg_stat_activity WHERE usename = current_user)
SELECT pg_catalog.current_setting('server_version') AS version,
       pg_catalog.current_setting('server_version_num')::int AS version_number,
       current_user::text AS role,
       pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
       pg_catalog.clock_timestamp() AS now,
       used.all AS connections, most.connections AS connections_max,
       least(most.connections - used.all,
             CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - used.here END,
             CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit - mine.connections END)::bigint AS connections_free
FROM used, most, mine, pg_catalog.pg_database d, pg_catalog.pg_roles r
WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user";

impl Database {
    /// What the server says of itself. Cancellation is harmless.
    ///
    /// # Errors
    /// Whatever keeps the server from answering.
    pub async fn server_info(&self) -> Result<ServerInfo, Error> {
        const DOING: &str = "ask the database server what it is";
        let connection = self.connection().await?;
        let row = self.answer(DOING, connection.query_one(ASK, &[])).await?;
        connection.keep();
        read(&row).map_err(Error::server(DOING))
    }
}

fn read(row: &Row) -> Result<ServerInfo, tokio_postgres::Error> {
    Ok(ServerInfo {
        version: row.try_get("version")?,
        version_number: row.try_get("version_number")?,
        role: row.try_get("role")?,
        read_only: row.try_get("read_only")?,
        now: row.try_get("now")?,
        connections: row.try_get("connections")?,
        connections_max: row.try_get("connections_max")?,
        connections_free: row.try_get("connections_free")?,
    })
}
