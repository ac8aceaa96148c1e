use ampsync_schema::{Ident, QualifiedName};
use sync_core::Advance;
use sync_core::chain::{BlockNum, BlockRange, Cursor};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::database::{Connection, Database};
use crate::error::Error;

const DOING: &str = "write the ledger";

/// The statements that move the ledger, prepared on one connection.
pub(crate) struct LedgerStatements {
    split: Statement,
    cut: Statement,
    add: Statement,
    prune: Statement,
    reorg: Statement,
}

/// A reorg, for the log that people read.
pub(crate) struct Reorg {
    pub(crate) base: BlockNum,
    pub(crate) end: BlockNum,
    pub(crate) rows: u64,
    /// The cursor before.
    pub(crate) from: Option<Cursor>,
}

/// A range that spans the base keeps its lower part, which ends in the parent.
const SPLIT: &str = "UPDATE ampsync.ranges \
    SET end_block = $3::bigint - 1, hash = $4, end_timestamp = NULL \
    WHERE table_schema = $1 AND table_name = $2 AND start_block < $3 AND end_block >= $3";

const CUT: &str = "DELETE FROM ampsync.ranges \
    WHERE table_schema = $1 AND table_name = $2 AND end_block >= $3";

const ADD: &str = "INSERT INTO ampsync.ranges \
    (table_schema, table_name, network, start_block, end_block, hash, prev_hash, end_timestamp) \
    SELECT $1, $2, network, start_block, end_block, hash, prev_hash, end_timestamp \
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bigint[]) \
      AS added (network, start_block, end_block, hash, prev_hash, end_timestamp)";

const PRUNE: &str = "DELETE FROM ampsync.ranges \
    WHERE table_schema = $1 AND table_name = $2 AND end_block < $3";

const REORG: &str = "INSERT INTO ampsync.reorgs \
    (table_schema, table_name, base_block, end_block, rows, depth, from_block, from_hash) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

impl LedgerStatements {
    pub(crate) async fn prepare(
        database: &Database,
        connection: &Connection,
    ) -> Result<Self, Error> {
        let (split, cut, add, prune, reorg) = database
            .answer(DOING, async {
                futures::try_join!(
                    Box::pin(connection.prepare_cached(SPLIT)),
                    Box::pin(connection.prepare_cached(CUT)),
                    Box::pin(connection.prepare_cached(ADD)),
                    Box::pin(connection.prepare_cached(PRUNE)),
                    Box::pin(connection.prepare_cached(REORG)),
                )
            })
            .await?;
        Ok(Self { split, cut, add, prune, reorg })
    }

    /// Does what [`Checkpoint::advanced`](sync_core::Checkpoint::advanced) does to the ledger.
    ///
    /// The statements are all sent at once, in this order: none needs another's answer.
    pub(crate) async fn advance(
        &self,
        database: &Database,
        connection: &Connection,
        table: &QualifiedName,
        advance: &Advance,
    ) -> Result<(), Error> {
        let (schema, name) = (table.schema.as_str(), table.name.as_str());
        let split = async {
            let Some(cut) = advance.cut else { return Ok(()) };
            let Some(parent) = cut.parent else { return Ok(()) };
            let hash = parent.0.as_slice();
            let base = cut.base.as_i64();
            connection.execute(&self.split, &[&schema, &name, &base, &hash]).await.map(drop)
        };
        let cut = async {
            let Some(cut) = advance.cut else { return Ok(()) };
            let base = cut.base.as_i64();
            connection.execute(&self.cut, &[&schema, &name, &base]).await.map(drop)
        };
        let added = Columns::of(&advance.completed)?;
        let add = async {
            let Columns { networks, starts, ends, hashes, prev_hashes, timestamps } = &added;
            if networks.is_empty() {
                return Ok(());
            }
            connection
                .execute(
                    &self.add,
                    &[&schema, &name, networks, starts, ends, hashes, prev_hashes, timestamps],
                )
                .await
                .map(drop)
        };
        let prune = async {
            let floor = advance.floor.as_i64();
            connection.execute(&self.prune, &[&schema, &name, &floor]).await.map(drop)
        };
        // Boxed, because each of these futures is some kilobytes large.
        let (split, cut) = (Box::pin(split), Box::pin(cut));
        let (add, prune) = (Box::pin(add), Box::pin(prune));
        let all = async { futures::try_join!(split, cut, add, prune) };
        database.answer(DOING, all).await.map(drop)
    }

    /// Adds a line to the log of reorgs.
    pub(crate) async fn log(
        &self,
        database: &Database,
        connection: &Connection,
        table: &QualifiedName,
        reorg: &Reorg,
    ) -> Result<(), Error> {
        let (schema, name) = (table.schema.as_str(), table.name.as_str());
        let from = reorg.from.as_ref();
        let rows = bigint("number of rows", reorg.rows)?;
        let depth = from.map(|cursor| (cursor.number.as_i64() - reorg.base.as_i64() + 1).max(0));
        let number = from.map(|cursor| cursor.number.as_i64());
        let hash = from.map(|cursor| cursor.hash.0.as_slice());
        let (base, end) = (reorg.base.as_i64(), reorg.end.as_i64());
        let parameters: [&(dyn ToSql + Sync); 8] =
            [&schema, &name, &base, &end, &rows, &depth, &number, &hash];
        let insert = connection.execute(&self.reorg, &parameters);
        database.answer(DOING, insert).await.map(drop)
    }
}

/// Takes the ledger, and the log of its reorgs, along with a table that gets another name. Where the role may only
/// add to that log, its lines stay: they are read by people alone.
pub(crate) async fn rename_ledger(
    client: &Client,
    from: &QualifiedName,
    to: &Ident,
) -> Result<(), tokio_postgres::Error> {
    let update = "UPDATE ampsync.ranges SET table_name = $3 \
                  WHERE table_schema = $1 AND table_name = $2";
    let (schema, from, to) = (from.schema.as_str(), from.name.as_str(), to.as_str());
    client.execute(update, &[&schema, &from, &to]).await?;
    let may = "SELECT pg_catalog.has_table_privilege('ampsync.reorgs', 'SELECT') \
                  AND pg_catalog.has_table_privilege('ampsync.reorgs', 'UPDATE')";
    if client.query_one(may, &[]).await?.try_get(0)? {
        let update = "UPDATE ampsync.reorgs SET table_name = $3 \
                      WHERE table_schema = $1 AND table_name = $2";
        client.execute(update, &[&schema, &from, &to]).await?;
    }
    Ok(())
}

/// Ranges as the columns that one statement adds.
#[derive(Default)]
struct Columns<'a> {
    networks: Vec<&'a str>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    hashes: Vec<Vec<u8>>,
    prev_hashes: Vec<Option<Vec<u8>>>,
    timestamps: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    fn of(ranges: &'a [BlockRange]) -> Result<Self, Error> {
        let mut columns = Self::default();
        for range in ranges {
            columns.networks.push(range.network().as_str());
            columns.starts.push(range.start().as_i64());
            columns.ends.push(range.end().as_i64());
            columns.hashes.push(range.hash().0.to_vec());
            columns.prev_hashes.push(range.prev_hash().map(|hash| hash.0.to_vec()));
            let timestamp = range.timestamp().map(|seconds| bigint("timestamp", seconds));
            columns.timestamps.push(timestamp.transpose()?);
        }
        Ok(columns)
    }
}

fn bigint(what: &'static str, value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::TooLarge { what, value })
}
