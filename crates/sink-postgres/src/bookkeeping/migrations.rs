use ampsync_schema::{Ident, quote_ident};
use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, Row};

use crate::catalog::Place;
use crate::database::{Connection, Database};
use crate::error::Error;

/// Each entry takes the bookkeeping from the version of its index to the next. Entries are only
/// ever added.
const MIGRATIONS: &[&str] = &["
CREATE TABLE ampsync.meta (version integer NOT NULL);
INSERT INTO ampsync.meta VALUES (0);
COMMENT ON SCHEMA ampsync IS 'Bookkeeping of ampsync. Drop it only together with the tables it describes.';
COMMENT ON TABLE ampsync.meta IS 'Which version of its bookkeeping ampsync has created here.';

CREATE TABLE ampsync.checkpoints (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    dataset text NOT NULL,
    query text NOT NULL,
    columns text[] NOT NULL,
    network text,
    first_block bigint,
    cursor_block bigint,
    cursor_hash bytea,
    provisional_block bigint,
    version bigint NOT NULL DEFAULT 0,
    commit_id bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_schema, table_name)
) WITH (fillfactor = 50);
COMMENT ON TABLE ampsync.checkpoints IS 'How far each table is. A row changes in the same transaction as the rows it speaks of.';
COMMENT ON COLUMN ampsync.checkpoints.dataset IS 'What the rows are of; starting the table from another one is refused.';
COMMENT ON COLUMN ampsync.checkpoints.query IS 'The query whose rows these are; starting the table from another one is refused.';
COMMENT ON COLUMN ampsync.checkpoints.columns IS 'The columns that the stream had when it was last started.';
COMMENT ON COLUMN ampsync.checkpoints.first_block IS 'The lowest block the table was ever given.';
COMMENT ON COLUMN ampsync.checkpoints.cursor_block IS 'The last completed block: where the stream resumes.';
COMMENT ON COLUMN ampsync.checkpoints.cursor_hash IS 'The hash of that block, by which the server knows the fork.';
COMMENT ON COLUMN ampsync.checkpoints.provisional_block IS 'Through which block there are rows beyond the cursor; the next start deletes them.';
COMMENT ON COLUMN ampsync.checkpoints.version IS 'Counts the changes of this row. Each writer expects the one it knows, so two cannot interleave.';
COMMENT ON COLUMN ampsync.checkpoints.commit_id IS 'The transaction that last moved this row, so that one whose answer was lost is recognised.';

CREATE TABLE ampsync.ranges (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    network text NOT NULL,
    start_block bigint NOT NULL,
    end_block bigint NOT NULL,
    hash bytea NOT NULL,
    prev_hash bytea,
    end_timestamp bigint,
    PRIMARY KEY (table_schema, table_name, end_block)
);
COMMENT ON TABLE ampsync.ranges IS 'The completed ranges of blocks with their hashes, as deep as they are retained: how a reorg is told from a foreign chain.';
COMMENT ON COLUMN ampsync.ranges.hash IS 'The hash of end_block.';
COMMENT ON COLUMN ampsync.ranges.prev_hash IS 'The hash of the block before start_block.';
COMMENT ON COLUMN ampsync.ranges.end_timestamp IS 'The time of end_block, in seconds since 1970.';

CREATE TABLE ampsync.reorgs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    base_block bigint NOT NULL,
    end_block bigint NOT NULL,
    rows bigint NOT NULL,
    depth bigint,
    from_block bigint,
    from_hash bytea
);
COMMENT ON TABLE ampsync.reorgs IS 'What reorgs took back: one row for each transaction that deleted rows.';
COMMENT ON COLUMN ampsync.reorgs.base_block IS 'The lowest block whose rows were deleted.';
COMMENT ON COLUMN ampsync.reorgs.end_block IS 'The highest block whose rows were deleted.';
COMMENT ON COLUMN ampsync.reorgs.rows IS 'How many rows were deleted.';
COMMENT ON COLUMN ampsync.reorgs.depth IS 'How many completed blocks were taken back.';
COMMENT ON COLUMN ampsync.reorgs.from_block IS 'The cursor before the reorg.';
COMMENT ON COLUMN ampsync.reorgs.from_hash IS 'The hash of that block.';
", include_str!("reading.sql"), concat!(include_str!("revisions.sql"), include_str!("reading.sql"))];

/// The oldest version that has all that writing needs. What came later, only readers and changes of a
/// table's revision use: a role that may not create it writes without.
const ENOUGH: i32 = 1;

/// The version from which on a table may have several revisions.
const REVISIONS: i32 = 3;

/// Whether the bookkeeping, which our role may write, knows of revisions; `None` where there is none.
pub(crate) async fn knows_revisions(
    database: &Database,
    client: &Client,
) -> Result<Option<bool>, Error> {
    let Some(found) = version(database, client).await? else { return Ok(None) };
    check(found)?;
    Ok(Some(found >= REVISIONS))
}

const SCHEMA: &str = "ampsync";

const DOING: &str = "create the bookkeeping in schema ampsync";

/// Brings the bookkeeping to the version this release knows. Costs two short queries when it is
/// there already; a role without the right to create anything can then use it.
pub(crate) async fn migrate(database: &Database, connection: &Connection) -> Result<(), Error> {
    if is_enough(database, connection).await? {
        return Ok(());
    }
    let begin = format!("{}; {DDL_LOCK}", database.begin());
    database.answer(DOING, connection.batch_execute(&begin)).await?;
    complete(database, connection).await?;
    database.answer(DOING, connection.batch_execute("COMMIT")).await
}

/// Does the same in the transaction that is open, and that will be rolled back. Returns whether
/// anything had to be done.
pub(crate) async fn rehearse(database: &Database, connection: &Connection) -> Result<bool, Error> {
    if is_enough(database, connection).await? {
        return Ok(false);
    }
    database.answer(DOING, connection.batch_execute(DDL_LOCK)).await?;
    complete(database, connection).await?;
    Ok(true)
}

/// Whether nothing has to be done.
async fn is_enough(database: &Database, connection: &Connection) -> Result<bool, Error> {
    let found = version(database, connection).await?;
    let is_newest = found.map(check).transpose()? == Some(true);
    Ok(is_newest || goes_without(database, connection, found).await?)
}

/// Whether what is there is old but enough, and our role may not change it: then somebody else
/// has to, and until then nothing has to wait.
async fn goes_without(
    database: &Database,
    client: &Client,
    found: Option<i32>,
) -> Result<bool, Error> {
    let Some(found) = found.filter(|found| *found >= ENOUGH) else { return Ok(false) };
    let row = database.answer(DOING, client.query_one(MAY_CHANGE, &[])).await?;
    if get(&row, "allowed")? {
        return Ok(false);
    }
    tracing::info!(
        version = found,
        newest = known(),
        "the bookkeeping is of an older release; what it lacks is for readers and for changes of a \
         table's revision, and is added once ampsync runs as the owner of schema ampsync"
    );
    Ok(true)
}

/// Creates or changes what is missing, while no other instance does.
async fn complete(database: &Database, connection: &Connection) -> Result<(), Error> {
    // Another instance may have been faster.
    let found = version(database, connection).await?;
    if found.map(check).transpose()? != Some(true) {
        let place = database.answer(DOING, Place::find(connection, SCHEMA)).await?;
        place.check(&Ident::new(SCHEMA)?, "the bookkeeping")?;
        database.answer(DOING, apply(connection, found)).await?;
    }
    Ok(())
}

/// Whether there is bookkeeping to be read by our role, whatever else it may do.
pub(crate) async fn is_readable(database: &Database, client: &Client) -> Result<bool, Error> {
    const DOING: &str = "look for the bookkeeping in schema ampsync";
    let row = database.answer(DOING, client.query_one(LOOK_TO_READ, &[])).await?;
    if !get::<bool>(&row, "exists")? {
        return Ok(false);
    }
    if !get::<bool>(&row, "allowed")? {
        let role: String = get(&row, "role")?;
        let what = "read the bookkeeping in schema ampsync".to_owned();
        let to = quote_ident(&role);
        let statement = format!(
            "GRANT USAGE ON SCHEMA ampsync TO {to}; \
             GRANT SELECT ON ALL TABLES IN SCHEMA ampsync TO {to}"
        );
        return Err(Error::Privilege { role, what, statement });
    }
    let newest = client.query_one("SELECT max(version) AS version FROM ampsync.meta", &[]);
    check(get(&database.answer(DOING, newest).await?, "version")?).map(|_| true)
}

/// Until the transaction ends, no other instance creates anything.
pub(crate) const DDL_LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('ampsync: create tables', 0))";

/// What is there, and whether our role may use it: each table as we do.
const LOOK: &str = "\
SELECT current_user::text AS role, coalesce(bool_or(c.relname = 'meta'), false) AS exists,
       coalesce(bool_and(
         pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND CASE c.relname
           WHEN 'meta' THEN pg_catalog.has_table_privilege(c.oid, 'SELECT')
           WHEN 'checkpoints' THEN pg_catalog.has_table_privilege(c.oid, 'SELECT')
             AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
             AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
           WHEN 'ranges' THEN pg_catalog.has_table_privilege(c.oid, 'SELECT')
             AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
             AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
             AND pg_catalog.has_table_privilege(c.oid, 'DELETE')
           WHEN 'reorgs' THEN pg_catalog.has_table_privilege(c.oid, 'INSERT')
           ELSE true END), true) AS allowed
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE n.nspname = 'ampsync' AND c.relkind = 'r'";

/// What is there, and whether our role may read all of it.
const LOOK_TO_READ: &str = "\
SELECT current_user::text AS role, coalesce(bool_or(c.relname = 'meta'), false) AS exists,
       coalesce(bool_and(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                         AND pg_catalog.has_table_privilege(c.oid, 'SELECT')), true) AS allowed
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE n.nspname = 'ampsync' AND c.relname IN ('meta', 'checkpoints', 'ranges', 'reorgs')";

/// Whether our role may bring the bookkeeping to a newer version.
const MAY_CHANGE: &str = "\
SELECT pg_catalog.has_schema_privilege('ampsync', 'CREATE')
       AND pg_catalog.has_table_privilege('ampsync.meta', 'UPDATE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_class
                       WHERE relnamespace = 'ampsync'::regnamespace AND relname = 'checkpoints'
                         AND NOT pg_catalog.pg_has_role(relowner, 'USAGE'))
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc
                       WHERE pronamespace = 'ampsync'::regnamespace
                         AND proname IN ('safe_block', 'wait_for_block')
                         AND NOT pg_catalog.pg_has_role(proowner, 'USAGE')) AS allowed";

/// The version that is there, if any.
///
/// Asks the catalog's tables, not `to_regclass`: that may answer from what the session remembers,
/// and would not see what another instance created while we waited for the lock.
async fn version(database: &Database, client: &Client) -> Result<Option<i32>, Error> {
    let row = database.answer(DOING, client.query_one(LOOK, &[])).await?;
    if !get::<bool>(&row, "exists")? {
        return Ok(None);
    }
    if !get::<bool>(&row, "allowed")? {
        let role: String = get(&row, "role")?;
        let what = "use the bookkeeping in schema ampsync".to_owned();
        let to = quote_ident(&role);
        let statement = format!(
            "GRANT USAGE ON SCHEMA ampsync TO {to}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ampsync TO {to}"
        );
        return Err(Error::Privilege { role, what, statement });
    }
    let newest = client.query_one("SELECT max(version) AS version FROM ampsync.meta", &[]);
    get(&database.answer(DOING, newest).await?, "version")
}

fn get<T: FromSqlOwned>(row: &Row, column: &str) -> Result<T, Error> {
    row.try_get(column).map_err(Error::server(DOING))
}

/// Whether `found` is the version this release knows; an error if it is a newer one.
fn check(found: i32) -> Result<bool, Error> {
    let known = known();
    if found > known { Err(Error::NewerBookkeeping { found, known }) } else { Ok(found == known) }
}

fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

async fn apply(client: &Client, found: Option<i32>) -> Result<(), tokio_postgres::Error> {
    let schema = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'ampsync')";
    if !client.query_one(schema, &[]).await?.try_get::<_, bool>(0)? {
        client.batch_execute("CREATE SCHEMA ampsync").await?;
    }
    let done = usize::try_from(found.unwrap_or(0)).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        client.batch_execute(migration).await?;
    }
    client.execute("UPDATE ampsync.meta SET version = $1", &[&known()]).await?;
    Ok(())
}
