//! A reader that does what `with_reorg` says, on a simulated server and its chain.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use futures::StreamExt;
use nozzle_client::{Code, Error, ReorgEvent, ReorgStream, ResumeWatermark, SqlClient, with_reorg};
use nozzle_sim::{Era, SimConfig, SimServer};
use sync_core::{Classify, Fault};

/// Every row with its block, ordered, since the order inside a block is nobody's promise.
type Rows = Vec<(u64, String)>;

fn rows(batches: &[RecordBatch]) -> Rows {
    let mut rows: Rows = batches
        .iter()
        .flat_map(|batch| {
            let blocks = batch.column_by_name("_block_num").unwrap().as_primitive::<UInt64Type>();
            (0..batch.num_rows()).map(|row| {
                let columns = batch.columns().iter();
                let values = columns.map(|column| format!("{:?}", column.slice(row, 1))).collect();
                (blocks.value(row), values)
            })
        })
        .collect();
    rows.sort();
    rows
}

/// A reader of one table.
struct Reader<'a> {
    server: &'a SimServer,
    client: SqlClient,
    table: &'static str,
    events: ReorgStream,
    rows: Rows,
    watermark: ResumeWatermark,
    reorgs: usize,
}

impl<'a> Reader<'a> {
    async fn open(server: &'a SimServer, table: &'static str) -> Self {
        let client = SqlClient::new(&server.endpoint()).unwrap();
        let watermark = ResumeWatermark::new();
        let events = Self::stream(server, &client, table, &watermark).await;
        Self { server, client, table, events, rows: Rows::new(), watermark, reorgs: 0 }
    }

    async fn stream(
        server: &SimServer,
        client: &SqlClient,
        table: &str,
        watermark: &ResumeWatermark,
    ) -> ReorgStream {
        let sql = format!("SELECT * FROM \"{}\".{table}", server.config().dataset_ref());
        with_reorg(client.query(&sql, Some(watermark)).await.unwrap())
    }

    /// Opens the stream again where it was complete, without the rows beyond.
    async fn reopen(&mut self) {
        let complete = self.watermark.cursors().next().unwrap().number.get();
        self.rows.retain(|(block, _)| *block <= complete);
        self.events = Self::stream(self.server, &self.client, self.table, &self.watermark).await;
    }

    /// Does what the next event says.
    async fn step(&mut self) {
        match self.events.next().await.unwrap().unwrap() {
            ReorgEvent::Batch { data, .. } => {
                self.rows.extend(rows(&[data]));
                self.rows.sort();
            }
            ReorgEvent::Reorg { invalidation } => {
                self.reorgs += 1;
                for gone in invalidation {
                    let gone = gone.start.get()..=gone.end.get();
                    self.rows.retain(|(block, _)| !gone.contains(block));
                }
            }
            ReorgEvent::Watermark(watermark) => self.watermark = watermark,
        }
    }

    /// Reads on until the rows are those of the canonical chain.
    async fn catch_up(&mut self) {
        let canonical = rows(&self.server.canonical(self.table));
        while self.rows != canonical {
            self.step().await;
        }
    }

    /// Reads on until everything up to the head is said to be complete, and then must be.
    async fn complete(&mut self) {
        let head = self.server.chain().head().unwrap().hash.to_string();
        while self.watermark.cursors().all(|cursor| cursor.hash.to_string() != head) {
            self.step().await;
        }
        assert_eq!(self.rows, rows(&self.server.canonical(self.table)), "{}", self.table);
    }
}

#[tokio::test]
async fn a_reader_has_the_chain_with_servers_of_all_ages() {
    for era in [Era::HEAD, Era::OCTOBER_2025, Era::SEPTEMBER_2025, Era::AUGUST_2025] {
        let config = SimConfig { era, microbatch_blocks_max: 10, ..SimConfig::default() };
        let server = SimServer::start(config).await.unwrap();
        server.mine(25);
        let mut reader = Reader::open(&server, "blocks").await;
        for depth in [1, 3, 12] {
            reader.catch_up().await;
            server.reorg(depth);
            reader.catch_up().await;
            server.mine(1);
        }
        reader.catch_up().await;
        assert_eq!(reader.reorgs, 3, "{era:?}");
        assert_eq!(reader.rows.len(), 31, "{era:?}");
    }
}

#[tokio::test]
async fn a_reader_resumes_after_a_reorg_it_did_not_see() {
    let config = SimConfig { microbatch_blocks_max: 10, ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    server.mine(25);
    for table in ["blocks", "logs", "transactions", "sparse"] {
        let mut reader = Reader::open(&server, table).await;
        reader.complete().await;
        let seen = reader.reorgs;

        server.drop_connections();
        server.reorg(4);
        let error = reader.events.next().await.unwrap().unwrap_err();
        assert_eq!(error.fault(), Fault::Transient, "{error:?}");
        reader.reopen().await;
        reader.complete().await;
        assert_eq!(reader.reorgs, seen + 1, "{table}");
    }
}

#[tokio::test]
async fn a_gateway_wants_the_token_on_every_call() {
    let token = Some("hunter2".to_owned());
    let server = SimServer::start(SimConfig { token, ..SimConfig::default() }).await.unwrap();
    server.mine(1);
    let sql = "SELECT * FROM \"_/sim@0.0.1\".blocks";
    let client = SqlClient::builder(&server.endpoint());
    let mut stream =
        client.bearer_token("hunter2").build().unwrap().query(sql, None).await.unwrap();
    stream.next().await.unwrap().unwrap();

    let error = SqlClient::new(&server.endpoint()).unwrap().query(sql, None).await.unwrap_err();
    assert!(matches!(error, Error::Status { code: Code::Unauthenticated, .. }), "{error:?}");
}
