//! The example of a sink keeps the contracts, and follows a server's chain through a reorg.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/json_lines/saved.rs"]
mod saved;
#[path = "../examples/json_lines/sink.rs"]
mod sink;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use nozzle_client::{SqlClient, StreamSource};
use nozzle_sim::{SimConfig, SimServer};
use serde_json::Value;
use sync_core::conformance::Harness;
use sync_core::{EngineConfig, HealthBoard, Outcome, TableSync, run};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use sink::JsonLines;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("table.jsonl")
    }

    fn stored(&self) -> Vec<(u64, Value)> {
        let text = fs::read_to_string(self.path()).unwrap_or_default();
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Harness for Folder {
    type Sink = JsonLines;

    async fn sink(&self) -> JsonLines {
        JsonLines::new(self.path())
    }

    async fn rows(&self) -> Vec<(u64, u64)> {
        let value = |row: &Value| row["value"].as_str().unwrap().parse().unwrap();
        self.stored().iter().map(|(block, row)| (*block, value(row))).collect()
    }
}

sync_core::sink_conformance!(std::future::ready(Folder::new()));

/// Runs the engine until the file has the blocks of the server's chain.
async fn sync_until_equal(server: &SimServer, folder: &Folder) {
    let query = format!("SELECT * FROM \"{}\".blocks", server.config().dataset_ref());
    let path = folder.path();
    let sync = TableSync {
        table: "blocks".to_owned(),
        dataset: server.config().dataset_ref(),
        source: StreamSource::new(SqlClient::new(&server.endpoint()).unwrap(), &query),
        query,
        block_column: "_block_num".to_owned(),
        make_sink: move || JsonLines::new(&path),
    };
    let (health, shutdown) = (Arc::new(HealthBoard::default()), CancellationToken::new());
    let hash = |batch: &arrow_array::RecordBatch, row: usize| {
        let column = batch.column_by_name("hash").unwrap().as_fixed_size_binary();
        column.value(row).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let mut wanted = Vec::new();
    for batch in server.canonical("blocks") {
        let blocks = batch.column_by_name("_block_num").unwrap().as_primitive::<UInt64Type>();
        wanted.extend((0..batch.num_rows()).map(|row| (blocks.value(row), hash(&batch, row))));
    }
    let reached = async {
        loop {
            let rows = folder.stored();
            let seen = rows.iter().map(|(block, row)| {
                (*block, row["hash"].as_str().unwrap().trim_start_matches("0x").to_owned())
            });
            if seen.collect::<Vec<_>>() == wanted {
                break shutdown.cancel();
            }
            tokio::task::yield_now().await;
        }
    };
    let running = run(vec![sync], EngineConfig::default(), health, shutdown.clone());
    let (outcomes, ()) = tokio::join!(running, reached);
    assert_eq!(outcomes, [("blocks".to_owned(), Outcome::Clean)]);
}

#[tokio::test]
async fn the_file_follows_the_chain_through_reorgs_and_restarts() {
    let config = SimConfig { microbatch_blocks_max: 10, ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    let folder = Folder::new();
    server.mine(25);
    sync_until_equal(&server, &folder).await;
    server.reorg(4);
    server.mine(3);
    sync_until_equal(&server, &folder).await;
    server.reorg(12);
    sync_until_equal(&server, &folder).await;
}
