//! How far the tables are, read from the database as anybody could.

use std::collections::BTreeMap;

use nozzle_sim::Chain;
use tokio_postgres::{Client, Error};

/// How far one table is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableState {
    /// The last completed block, and its hash.
    pub(crate) cursor: Option<(i64, String)>,
    pub(crate) rows: i64,
    pub(crate) reorgs: i64,
}

/// Reads how far the tables are. Those that were not started yet are missing.
pub(crate) async fn read(client: &Client) -> Result<BTreeMap<String, TableState>, Error> {
    let there = "SELECT to_regclass('ampsync.checkpoints') IS NOT NULL \
                 AND to_regclass('ampsync.reorgs') IS NOT NULL";
    if !client.query_one(there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(BTreeMap::new());
    }
    let query = "SELECT table_name, cursor_block, '0x' || encode(cursor_hash, 'hex'), \
                 (SELECT count(*) FROM ampsync.reorgs r WHERE r.table_name = c.table_name) \
                 FROM ampsync.checkpoints c";
    let mut tables = BTreeMap::new();
    for row in client.query(query, &[]).await? {
        let name: String = row.try_get(0)?;
        let cursor: (Option<i64>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        let count = format!("SELECT count(*) FROM public.\"{name}\"");
        let rows = client.query_one(&count, &[]).await?.try_get(0)?;
        let state = TableState { cursor: cursor.0.zip(cursor.1), rows, reorgs: row.try_get(3)? };
        tables.insert(name, state);
    }
    Ok(tables)
}

/// The number and hash of the chain's highest block.
pub(crate) fn head(chain: &Chain) -> Option<(i64, String)> {
    let head = chain.head()?;
    Some((head.number.cast_signed(), head.hash.to_string()))
}
