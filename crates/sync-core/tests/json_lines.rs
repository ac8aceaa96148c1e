//! The example of a sink keeps the contracts, and follows a server's chain through a reorg.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/json_lines.rs"]
#[expect(dead_code, reason = "a test has a main function of its own")]
mod json_lines;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use nozzle_client::{SqlClient, StreamSource};
use nozzle_sim::{SimConfig, SimServer};
use serde_json::Value;
use sync_core::conformance::{Harness, plan};
use sync_core::{
    Classify, EngineConfig, Fault, HealthBoard, Outcome, Sink, StoreSink, TableSync, run,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use json_lines::JsonLines;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("table.jsonl")
    }

    fn at(path: &Path) -> StoreSink<JsonLines> {
        let mut lines = JsonLines::default();
        lines.path = path.to_owned();
        StoreSink::new(lines)
    }

    fn rows(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path()).unwrap_or_default();
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Harness for Folder {
    type Sink = StoreSink<JsonLines>;

    async fn sink(&self) -> Self::Sink {
        Self::at(&self.path())
    }

    async fn rows(&self) -> Vec<(u64, u64)> {
        let number = |row: &Value, column: &str| row[column].as_u64().unwrap();
        let rows = self.rows();
        rows.iter().map(|row| (number(row, "_block_num"), number(row, "value"))).collect()
    }
}

sync_core::sink_conformance!(std::future::ready(Folder::new()));

/// Runs the engine until the file has the blocks of the server's chain.
async fn sync_until_equal(server: &SimServer, folder: &Folder) {
    let query = format!("SELECT * FROM \"{}\".blocks", server.config().dataset_ref());
    let (dataset, path) = (server.config().dataset_ref(), folder.path());
    let source = StreamSource::new(SqlClient::new(&server.endpoint()).unwrap(), &query);
    let make_sink = move || Folder::at(&path);
    let sync = TableSync::new("blocks", &dataset, &query, source, make_sink);
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
            let rows = folder.rows();
            let seen = rows.iter().map(|row| {
                (row["_block_num"].as_u64().unwrap(), row["hash"].as_str().unwrap().to_owned())
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

#[tokio::test]
async fn what_a_crash_leaves_of_an_unfinished_commit_counts_for_nothing() {
    let server = SimServer::start(SimConfig::default()).await.unwrap();
    let folder = Folder::new();
    server.mine(5);
    sync_until_equal(&server, &folder).await;
    fs::write(folder.path().with_added_extension("next"), "{\"dataset\":\"x").unwrap();
    server.mine(5);
    sync_until_equal(&server, &folder).await;
}

#[tokio::test]
async fn a_damaged_file_stops_the_table_for_good() {
    let folder = Folder::new();
    fs::write(folder.path(), "{\"dataset\":\"x").unwrap();
    let error = folder.sink().await.prepare(&plan()).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent, "{error}");
}
