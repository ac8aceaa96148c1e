use ampsync_schema::{QualifiedName, quote_literal};
use sync_core::chain::{BlockHash, BlockNum, BlockRange, Cursor, Ledger, Network};
use sync_core::{Advance, Checkpoint, CommitId};
use tokio_postgres::{Client, Row};

use crate::error::Error;
use crate::sql;

const DOING: &str = "read the checkpoint";

/// A checkpoint as it is stored, with what the table belongs to.
pub(crate) struct Stored {
    pub(crate) dataset: String,
    pub(crate) query: String,
    pub(crate) columns: Vec<String>,
    pub(crate) checkpoint: Checkpoint,
}

/// Reads the checkpoint, once every commit of it that is still under way has ended.
pub(crate) async fn read(client: &Client, table: &QualifiedName) -> Result<Option<Stored>, Error> {
    read_locked(client, table, "FOR SHARE").await
}

/// Reads the checkpoint as it is now, in nobody's way.
pub(crate) async fn look(client: &Client, table: &QualifiedName) -> Result<Option<Stored>, Error> {
    read_locked(client, table, "").await
}

/// Reads the checkpoint and keeps others from moving it until the transaction ends.
pub(crate) async fn read_for_update(
    client: &Client,
    table: &QualifiedName,
) -> Result<Option<Stored>, Error> {
    read_locked(client, table, "FOR NO KEY UPDATE").await
}

async fn read_locked(
    client: &Client,
    table: &QualifiedName,
    lock: &str,
) -> Result<Option<Stored>, Error> {
    let key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&table.schema.as_str(), &table.name.as_str()];
    let select = format!(
        "SELECT dataset, query, columns, network, first_block, cursor_block, cursor_hash, \
                provisional_block, version, commit_id \
         FROM ampsync.checkpoints WHERE table_schema = $1 AND table_name = $2 {lock}"
    );
    let Some(row) = client.query_opt(&select, &key).await.map_err(Error::server(DOING))? else {
        return Ok(None);
    };
    // A lock on the row above keeps the ranges as they are.
    let select = "SELECT network, start_block, end_block, hash, prev_hash, end_timestamp \
                  FROM ampsync.ranges WHERE table_schema = $1 AND table_name = $2 \
                  ORDER BY end_block";
    let ranges = client.query(select, &key).await.map_err(Error::server(DOING))?;
    let reader = Reader { table };
    let mut stored = reader.stored(&row)?;
    stored.checkpoint.ledger = reader.ledger(&ranges)?;
    Ok(Some(stored))
}

/// Turns rows into values that hold what the types promise.
struct Reader<'a> {
    table: &'a QualifiedName,
}

impl Reader<'_> {
    fn stored(&self, row: &Row) -> Result<Stored, Error> {
        let number = |column| self.block(get(row, column)?);
        let version: i64 = get(row, "version")?;
        Ok(Stored {
            dataset: get(row, "dataset")?,
            query: get(row, "query")?,
            columns: get(row, "columns")?,
            checkpoint: Checkpoint {
                version: u64::try_from(version).map_err(|_| self.damaged("version"))?,
                commit: get::<Option<i64>>(row, "commit_id")?.map(CommitId),
                first_block: number("first_block")?,
                cursor: self.cursor(row)?,
                provisional: number("provisional_block")?,
                ledger: Ledger::default(),
            },
        })
    }

    fn cursor(&self, row: &Row) -> Result<Option<Cursor>, Error> {
        let number = self.block(get(row, "cursor_block")?)?;
        let hash = self.hash(get(row, "cursor_hash")?)?;
        match (get::<Option<String>>(row, "network")?, number, hash) {
            (Some(network), Some(number), Some(hash)) => {
                Ok(Some(Cursor { network: Network::new(&network), number, hash }))
            }
            (None, None, None) => Ok(None),
            _ => Err(self.damaged("cursor")),
        }
    }

    fn ledger(&self, rows: &[Row]) -> Result<Ledger, Error> {
        let mut ledger = Ledger::default();
        for row in rows {
            let range = self.range(row)?;
            if ledger.last().is_some_and(|last| last.end() >= range.start()) {
                return Err(self.damaged("ranges overlap"));
            }
            ledger.push(range);
        }
        Ok(ledger)
    }

    fn range(&self, row: &Row) -> Result<BlockRange, Error> {
        let damaged = || self.damaged("range");
        let start = self.block(get(row, "start_block")?)?.ok_or_else(damaged)?;
        let end = self.block(get(row, "end_block")?)?.ok_or_else(damaged)?;
        let hash = self.hash(get(row, "hash")?)?.ok_or_else(damaged)?;
        let prev_hash = self.hash(get(row, "prev_hash")?)?;
        let network = Network::new(&get::<String>(row, "network")?);
        let timestamp = get::<Option<i64>>(row, "end_timestamp")?
            .map(|seconds| u64::try_from(seconds).map_err(|_| damaged()))
            .transpose()?;
        let range = BlockRange::new(network, start, end, hash, prev_hash).map_err(|_| damaged())?;
        Ok(range.with_timestamp(timestamp))
    }

    fn block(&self, number: Option<i64>) -> Result<Option<BlockNum>, Error> {
        number
            .map(|number| {
                let number = u64::try_from(number).map_err(|_| self.damaged("block number"))?;
                BlockNum::try_from(number).map_err(|_| self.damaged("block number"))
            })
            .transpose()
    }

    fn hash(&self, bytes: Option<&[u8]>) -> Result<Option<BlockHash>, Error> {
        bytes
            .map(|bytes| bytes.try_into().map(BlockHash).map_err(|_| self.damaged("hash")))
            .transpose()
    }

    fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged { table: self.table.clone(), what }
    }
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    column: &'static str,
) -> Result<T, Error> {
    row.try_get(column).map_err(Error::server(DOING))
}

/// Adds the checkpoint of a table that has none.
pub(crate) async fn create(
    client: &Client,
    table: &QualifiedName,
    dataset: &str,
    query: &str,
    columns: &[&str],
) -> Result<(), tokio_postgres::Error> {
    let insert = "INSERT INTO ampsync.checkpoints \
                  (table_schema, table_name, dataset, query, columns) VALUES ($1, $2, $3, $4, $5)";
    let (schema, name) = (table.schema.as_str(), table.name.as_str());
    client.execute(insert, &[&schema, &name, &dataset, &query, &columns]).await.map(drop)
}

/// Forgets the table: its checkpoint and its ledger. Returns whether it was known.
pub(crate) async fn forget(
    client: &Client,
    table: &QualifiedName,
) -> Result<bool, tokio_postgres::Error> {
    let key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&table.schema.as_str(), &table.name.as_str()];
    let ranges = "DELETE FROM ampsync.ranges WHERE table_schema = $1 AND table_name = $2";
    client.execute(ranges, &key).await?;
    let checkpoint = "DELETE FROM ampsync.checkpoints WHERE table_schema = $1 AND table_name = $2";
    Ok(client.execute(checkpoint, &key).await? > 0)
}

/// Notes the columns that the stream has now.
pub(crate) async fn update_columns(
    client: &Client,
    table: &QualifiedName,
    columns: &[&str],
) -> Result<(), tokio_postgres::Error> {
    let update = "UPDATE ampsync.checkpoints SET columns = $3 \
                  WHERE table_schema = $1 AND table_name = $2";
    let (schema, name) = (table.schema.as_str(), table.name.as_str());
    client.execute(update, &[&schema, &name, &columns]).await.map(drop)
}

/// Notes that the rows beyond the cursor are gone. The commit that wrote them is forgotten with
/// them: whoever looks for it must not find it.
pub(crate) async fn settle(
    client: &Client,
    table: &QualifiedName,
) -> Result<(), tokio_postgres::Error> {
    let update = "UPDATE ampsync.checkpoints SET provisional_block = NULL, commit_id = NULL, \
                  version = version + 1, updated_at = now() \
                  WHERE table_schema = $1 AND table_name = $2";
    let (schema, name) = (table.schema.as_str(), table.name.as_str());
    client.execute(update, &[&schema, &name]).await.map(drop)
}

/// The statement that moves the checkpoint if it is where `advance` expects it.
///
/// It is text with literals, not prepared, so that it can go to the server in one message with
/// the `BEGIN` before it: if that fails, this is not executed outside of a transaction.
pub(crate) fn compare_and_swap(table: &QualifiedName, advance: &Advance) -> Result<String, Error> {
    let number = |number: Option<BlockNum>| sql::number_literal(number.map(BlockNum::as_i64));
    let version =
        |what, value: u64| i64::try_from(value).map_err(|_| Error::TooLarge { what, value });
    let (network, hash) = match &advance.cursor {
        Some(cursor) => {
            (quote_literal(cursor.network.as_str()), sql::bytes_literal(&cursor.hash.0))
        }
        None => ("NULL".to_owned(), "NULL".to_owned()),
    };
    Ok(format!(
        "UPDATE ampsync.checkpoints SET version = {}, commit_id = {}, first_block = {}, \
         network = {network}, cursor_block = {}, cursor_hash = {hash}, provisional_block = {}, \
         updated_at = now() WHERE table_schema = {} AND table_name = {} AND version = {}",
        version("version", advance.version())?,
        advance.commit.0,
        number(advance.first_block),
        number(advance.cursor.as_ref().map(|cursor| cursor.number)),
        number(advance.provisional),
        quote_literal(table.schema.as_str()),
        quote_literal(table.name.as_str()),
        version("version", advance.from)?,
    ))
}
