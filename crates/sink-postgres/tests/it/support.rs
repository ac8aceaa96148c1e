use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use ampsync_schema::Ident;
use ampsync_testkit::postgres::{Session, shared};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{Field, Schema};
use sink_postgres::{Database, DatabaseOptions, Error, PostgresSink};
use sync_core::chain::{BlockHash, BlockNum, BlockRange, InvalidationRange, Network};
use sync_core::{
    Advance, Checkpoint, CommitError, CommitId, Committed, Readiness, Sink, TablePlan, Txn,
};
use tokio_postgres::Config;

pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) database: Database,
    pub(crate) session: Session,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&options()).await
    }

    pub(crate) async fn with(options: &DatabaseOptions) -> Self {
        let cluster = shared().await;
        let name = cluster.create_database().await.unwrap();
        let database = Database::connect(cluster.config(&name), options).unwrap();
        let session = cluster.connect(&name).await.unwrap();
        Self { name, database, session }
    }

    /// The same database as another process sees it.
    pub(crate) async fn other_process(&self) -> Database {
        Database::connect(shared().await.config(&self.name), &options()).unwrap()
    }

    pub(crate) fn sink(&self) -> PostgresSink {
        sink(&self.database)
    }

    /// The rows of a query, each value as text.
    pub(crate) async fn texts(&self, query: &str) -> Vec<Vec<Option<String>>> {
        let rows = self.session.query(query, &[]).await.unwrap();
        rows.iter().map(|row| (0..row.len()).map(|i| row.get(i)).collect()).collect()
    }

    pub(crate) async fn number(&self, query: &str) -> i64 {
        self.session.query_one(query, &[]).await.unwrap().get(0)
    }

    /// The blocks of the rows of table `logs`, ascending.
    pub(crate) async fn blocks(&self) -> Vec<i64> {
        blocks_of(&self.session).await
    }
}

/// The blocks of the rows of table `logs`, ascending.
pub(crate) async fn blocks_of(session: &Session) -> Vec<i64> {
    let query = "SELECT _block_num FROM logs ORDER BY 1";
    session.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

pub(crate) fn options() -> DatabaseOptions {
    DatabaseOptions::default().with_max_connections(NonZeroUsize::new(4).unwrap())
}

pub(crate) fn impatient() -> DatabaseOptions {
    options().with_stall_timeout(Duration::from_millis(500))
}

pub(crate) fn config_via(name: &str, addr: std::net::SocketAddr, direct: &Config) -> Config {
    let mut config = Config::new();
    config.host(addr.ip().to_string()).port(addr.port()).dbname(name);
    config.user(direct.get_user().unwrap()).password(direct.get_password().unwrap());
    config
}

pub(crate) fn sink(database: &Database) -> PostgresSink {
    PostgresSink::new(database.clone(), Ident::new("public").unwrap())
}

/// A table `logs` with the block number and a text.
pub(crate) fn plan() -> TablePlan {
    plan_of("logs", rows(&[]).schema().as_ref().clone())
}

pub(crate) fn plan_of(table: &str, schema: Schema) -> TablePlan {
    TablePlan {
        table: table.to_owned(),
        dataset: "ns/name@1.0.0".to_owned(),
        query: "SELECT * FROM logs".to_owned(),
        block_column: "_block_num".to_owned(),
        schema: Arc::new(schema),
    }
}

/// One row for each block.
pub(crate) fn rows(blocks: &[u64]) -> RecordBatch {
    let data: Vec<_> = blocks.iter().map(|block| Some(format!("row of {block}"))).collect();
    batch(blocks, vec![("data", Arc::new(StringArray::from(data)))])
}

pub(crate) fn batch(blocks: &[u64], columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let blocks: ArrayRef = Arc::new(UInt64Array::from(blocks.to_vec()));
    let columns: Vec<_> = [("_block_num", blocks)].into_iter().chain(columns).collect();
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), *name != "_block_num"))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

pub(crate) fn block(number: u64) -> BlockNum {
    BlockNum::try_from(number).unwrap()
}

pub(crate) fn hash(number: u64) -> BlockHash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    BlockHash(bytes)
}

pub(crate) fn range(start: u64, end: u64) -> BlockRange {
    let parent = start.checked_sub(1).map(hash);
    BlockRange::new(Network::new("mainnet"), block(start), block(end), hash(end), parent).unwrap()
}

pub(crate) fn invalid(start: u64, end: u64) -> InvalidationRange {
    InvalidationRange { network: Network::new("mainnet"), start: block(start), end: block(end) }
}

/// Why a transaction with these rows is undone.
pub(crate) async fn undone(
    sink: &mut PostgresSink,
    rows: &RecordBatch,
    advance: &Advance,
) -> Error {
    let mut txn = sink.begin().await.unwrap();
    txn.append(rows).await.unwrap();
    match txn.commit(advance).await.unwrap_err() {
        CommitError::Aborted(error) => error,
        other @ (CommitError::InDoubt(_) | CommitError::Fenced) => panic!("{other}"),
    }
}

/// Moves `from` by the completed ranges.
pub(crate) fn advance(from: &Checkpoint, completed: &[BlockRange]) -> Advance {
    Advance {
        from: from.version,
        commit: CommitId::random(),
        cut: None,
        completed: completed.to_vec(),
        floor: BlockNum::ZERO,
        first_block: from.first_block.or_else(|| completed.first().map(BlockRange::start)),
        cursor: completed.last().map(BlockRange::cursor).or_else(|| from.cursor.clone()),
        provisional: None,
    }
}

pub(crate) async fn ready(sink: &mut PostgresSink, plan: &TablePlan) -> Checkpoint {
    match sink.prepare(plan).await.unwrap() {
        Readiness::Ready(checkpoint) => checkpoint,
        Readiness::Standby => panic!("standing by"),
    }
}

pub(crate) async fn commit(
    sink: &mut PostgresSink,
    invalidated: &[InvalidationRange],
    rows: &[RecordBatch],
    advance: &Advance,
) -> Result<Committed, CommitError<Error>> {
    let mut txn = sink.begin().await.unwrap();
    txn.retract(invalidated).await.unwrap();
    for rows in rows {
        txn.append(rows).await.unwrap();
    }
    txn.commit(advance).await
}

/// Prepares the table `logs` and commits one row for each block of `0..=last`.
pub(crate) async fn filled(sink: &mut PostgresSink, last: u64) -> Checkpoint {
    let start = ready(sink, &plan()).await;
    let blocks: Vec<_> = (0..=last).collect();
    let advance = advance(&start, &[range(0, last)]);
    commit(sink, &[], &[rows(&blocks)], &advance).await.unwrap();
    start.advanced(&advance)
}
