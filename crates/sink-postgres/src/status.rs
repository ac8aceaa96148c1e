//! How far each table is, read from the bookkeeping alone.

use std::time::SystemTime;

use ampsync_schema::{Ident, QualifiedName};
use sync_core::chain::{BlockHash, BlockNum, Cursor, Network};
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

use crate::bookkeeping;
use crate::database::Database;
use crate::error::Error;
use crate::revision::RevisionKind;
use crate::writer::{Writer, writer_of};

/// How far all tables of a database are, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The moment, by the database server's clock.
    pub at: SystemTime,
    /// The tables, by name.
    pub tables: Vec<TableStatus>,
}

/// How far a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStatus {
    /// Its name in the database.
    pub table: QualifiedName,
    /// What it is to readers: the table itself, or another revision of one.
    pub kind: RevisionKind,
    /// The table that it is another revision of.
    pub of_table: Option<Ident>,
    /// What its rows are of.
    pub dataset: String,
    /// The query whose rows these are.
    pub query: String,
    /// The lowest block it was ever given.
    pub first_block: Option<BlockNum>,
    /// The last completed block: where its stream resumes.
    pub cursor: Option<Cursor>,
    /// Through which block there are rows beyond the cursor; the next start deletes them.
    pub provisional: Option<BlockNum>,
    /// How often its checkpoint has moved.
    pub version: u64,
    /// When it was begun.
    pub created_at: SystemTime,
    /// When its checkpoint last moved. At the head of a chain that is when the last block came.
    pub updated_at: SystemTime,
    /// What is known of its past.
    pub ledger: LedgerStatus,
    /// The reorgs that have taken back rows since it was begun.
    pub reorgs: ReorgStatus,
    /// What the database has of it; nothing where the table is gone.
    pub storage: Option<Storage>,
    /// Who writes it now, if somebody does.
    pub writer: Option<Writer>,
}

/// The completed ranges whose hashes are kept: how deep a reorg can be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerStatus {
    /// How many.
    pub ranges: u64,
    /// The lowest block of them.
    pub from: Option<BlockNum>,
}

/// The reorgs of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReorgStatus {
    /// How many transactions have deleted rows.
    pub count: u64,
    /// The last of them.
    pub last: Option<LastReorg>,
}

/// A reorg.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastReorg {
    /// When its rows were replaced.
    pub at: SystemTime,
    /// The lowest block whose rows were deleted.
    pub base: BlockNum,
    /// The highest.
    pub end: BlockNum,
    /// How many rows were deleted.
    pub rows: u64,
}

/// What a table takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Storage {
    /// How many rows PostgreSQL believes it has; nothing until it was analyzed or vacuumed.
    pub rows_estimate: Option<u64>,
    /// Bytes on disk, indexes and large values included.
    pub bytes: u64,
}

/// Reorgs of a table that has been reset since are no longer its own.
const SELECT: &str = concat!(
    "\
SELECT c.table_schema, c.table_name, c.dataset, c.query, c.network, c.first_block,
       coalesce(pg_catalog.to_jsonb(c)->>'kind', 'current') AS kind,
       pg_catalog.to_jsonb(c)->>'of_table' AS of_table,
       c.cursor_block, c.cursor_hash, c.provisional_block, c.version, c.created_at, c.updated_at,
       l.ranges, l.ranges_from, g.reorgs, o.at AS reorg_at, o.base_block AS reorg_base,
       o.end_block AS reorg_end, o.rows AS reorg_rows, s.rows_estimate, s.bytes, w.*
FROM ampsync.checkpoints c
CROSS JOIN LATERAL (SELECT count(*) AS ranges, min(start_block) AS ranges_from
                    FROM ampsync.ranges r
                    WHERE r.table_schema = c.table_schema AND r.table_name = c.table_name) l
CROSS JOIN LATERAL (SELECT count(*) AS reorgs, max(id) AS last FROM ampsync.reorgs r
                    WHERE r.table_schema = c.table_schema AND r.table_name = c.table_name
                      AND r.at >= c.created_at) g
LEFT JOIN ampsync.reorgs o ON o.id = g.last
LEFT JOIN LATERAL (
  SELECT CASE k.relkind WHEN 'p' THEN p.rows ELSE nullif(k.reltuples, -1)::bigint END AS rows_estimate,
         coalesce(p.bytes, pg_catalog.pg_total_relation_size(k.oid))::bigint AS bytes
  FROM pg_catalog.pg_class k
  JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace
  CROSS JOIN LATERAL (SELECT sum(greatest(pk.reltuples, 0))::bigint AS rows,
                             sum(pg_catalog.pg_total_relation_size(pk.oid)) AS bytes
                      FROM pg_catalog.pg_partition_tree(k.oid) t
                      JOIN pg_catalog.pg_class pk ON pk.oid = t.relid
                      WHERE t.isleaf) p
  WHERE n.nspname = c.table_schema AND k.relname = c.table_name AND k.relkind IN ('r', 'p')
) s ON true
LEFT JOIN LATERAL ",
    writer_of!("c.table_schema", "c.table_name"),
    " w ON true
ORDER BY c.table_schema, c.table_name"
);

impl Database {
    /// How far every table is that ampsync writes into this database; `None` where it has never
    /// written any. Nothing but the bookkeeping and PostgreSQL's catalog is read.
    ///
    /// The role needs `USAGE` on schema `ampsync` and `SELECT` on its tables, and no right to the
    /// tables themselves. Cancellation is harmless.
    ///
    /// # Errors
    /// [`Error::Privilege`] where the role may not read the bookkeeping,
    /// [`Error::NewerBookkeeping`] where this release does not understand it, and whatever keeps
    /// the server from answering.
    pub async fn status(&self) -> Result<Option<Status>, Error> {
        let connection = self.connection().await?;
        // All rows are of one moment, and a table that is locked is not waited for without end.
        let begin = self.begin();
        self.answer(DOING, connection.batch_execute(begin)).await?;
        let status = if bookkeeping::is_readable(self, &connection).await? {
            let now = self.answer(DOING, connection.query_one("SELECT now()", &[])).await?;
            let rows = self.answer(DOING, connection.query(SELECT, &[])).await?;
            let at = now.try_get(0).map_err(Error::server(DOING))?;
            Some(Status { at, tables: rows.iter().map(read).collect::<Result<_, _>>()? })
        } else {
            None
        };
        self.answer(DOING, connection.batch_execute("ROLLBACK")).await?;
        connection.keep();
        Ok(status)
    }
}

const DOING: &str = "read how far the tables are";

fn read(row: &Row) -> Result<TableStatus, Error> {
    let table = QualifiedName {
        schema: Ident::new(get::<String>(row, "table_schema")?)?,
        name: Ident::new(get::<String>(row, "table_name")?)?,
    };
    let reader = Reader { table: &table, row };
    let cursor = match (
        get::<Option<String>>(row, "network")?,
        reader.block("cursor_block")?,
        get::<Option<Vec<u8>>>(row, "cursor_hash")?,
    ) {
        (Some(network), Some(number), Some(hash)) => {
            let hash = hash.try_into().map(BlockHash).map_err(|_| reader.damaged("hash"))?;
            Some(Cursor { network: Network::new(&network), number, hash })
        }
        _ => None,
    };
    let last = match get::<Option<SystemTime>>(row, "reorg_at")? {
        Some(at) => Some(LastReorg {
            at,
            base: reader.block("reorg_base")?.unwrap_or(BlockNum::ZERO),
            end: reader.block("reorg_end")?.unwrap_or(BlockNum::ZERO),
            rows: reader.count("reorg_rows")?.unwrap_or_default(),
        }),
        None => None,
    };
    let bytes = reader.count("bytes")?;
    let rows_estimate = reader.count("rows_estimate")?;
    let kind = RevisionKind::read(&get::<String>(row, "kind")?);
    let of_table = get::<Option<String>>(row, "of_table")?.map(Ident::new).transpose()?;
    Ok(TableStatus {
        kind: kind.ok_or_else(|| reader.damaged("kind"))?,
        of_table,
        dataset: get(row, "dataset")?,
        query: get(row, "query")?,
        first_block: reader.block("first_block")?,
        cursor,
        provisional: reader.block("provisional_block")?,
        version: reader.count("version")?.unwrap_or_default(),
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
        ledger: LedgerStatus {
            ranges: reader.count("ranges")?.unwrap_or_default(),
            from: reader.block("ranges_from")?,
        },
        reorgs: ReorgStatus { count: reader.count("reorgs")?.unwrap_or_default(), last },
        storage: bytes.map(|bytes| Storage { rows_estimate, bytes }),
        writer: Writer::read(row).map_err(Error::server(DOING))?,
        table,
    })
}

/// Numbers of a row, which are never negative.
struct Reader<'a> {
    table: &'a QualifiedName,
    row: &'a Row,
}

impl Reader<'_> {
    fn count(&self, column: &'static str) -> Result<Option<u64>, Error> {
        let number = get::<Option<i64>>(self.row, column)?.map(u64::try_from);
        number.transpose().map_err(|_| self.damaged(column))
    }

    fn block(&self, column: &'static str) -> Result<Option<BlockNum>, Error> {
        let number = self.count(column)?.map(BlockNum::try_from);
        number.transpose().map_err(|_| self.damaged(column))
    }

    fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged { table: self.table.clone(), what }
    }
}

fn get<T: FromSqlOwned>(row: &Row, column: &str) -> Result<T, Error> {
    row.try_get(column).map_err(Error::server(DOING))
}
