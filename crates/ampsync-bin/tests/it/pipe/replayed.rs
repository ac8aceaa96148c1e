use std::path::{Path, PathBuf};

use ampsync_testkit::verify;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use nozzle_sim::{Break, Recording, ReplayOptions, ReplayServer};
use serde_json::Value;
use tonic::Code;

use super::Database;
use crate::process::Running;

fn load(name: &str) -> Recording {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nozzle-sim/recordings");
    let folder = std::env::var_os("RECORDINGS").map_or(folder, PathBuf::from);
    Recording::load(&folder.join(Path::new(name).with_extension("jsonl"))).unwrap()
}

/// What a table has in the end, and the hash of the last completed block: told by the recording
/// alone. Whatever a range brings replaces all from its start on.
fn canonical(recording: &Recording) -> (Vec<RecordBatch>, Vec<u8>) {
    let mut kept: Vec<RecordBatch> = Vec::new();
    let (mut last, mut hash) = (Value::Null, Vec::new());
    for message in &recording.messages {
        let metadata: Value = serde_json::from_str(message.metadata.as_deref().unwrap()).unwrap();
        let range = metadata["ranges"][0].clone();
        let start = range["numbers"]["start"].as_u64().unwrap();
        if range != last {
            kept = kept.iter().map(|batch| below(batch, start)).collect();
            last = range.clone();
        }
        kept.push(message.rows.clone());
        let digits = range["hash"].as_str().unwrap().trim_start_matches("0x");
        hash = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
    }
    kept.retain(|batch| batch.num_rows() > 0);
    (kept, hash)
}

/// The rows of blocks below `start`, which come first.
fn below(batch: &RecordBatch, start: u64) -> RecordBatch {
    let blocks = batch.column_by_name("_block_num").unwrap().as_primitive::<UInt64Type>();
    batch.slice(0, blocks.values().partition_point(|block| *block < start))
}

async fn replay(name: &str, cut: Option<(usize, Break)>) {
    let recording = load(name);
    let (rows, hash) = canonical(&recording);
    let options = ReplayOptions { cut, ..ReplayOptions::default() };
    let server = ReplayServer::start(vec![recording], options).await.unwrap();
    let database = Database::create().await;
    let _ampsync = Running::start(&[
        ("NOZZLE_ENDPOINT", &server.endpoint()),
        ("DATASET", "_/anvil_rpc@0.0.1"),
        ("TABLES", "replayed"),
        ("DATABASE_URL", &database.url()),
    ]);
    let head = nozzle_sim::BlockHash(hash.try_into().unwrap());
    database.reaches("replayed", &head).await;
    let verdict = verify::table(&database.session, "public", "replayed", &rows).await.unwrap();
    assert!(verdict.expect_equal() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_recordings_end_in_the_canonical_table() {
    for name in ["live_logs", "live_blocks", "live_transactions"] {
        replay(name, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_inside_a_caught_up_range_loses_and_doubles_no_block() {
    for name in ["catchup_midrange_logs", "catchup_midrange_blocks"] {
        replay(name, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_breaks_again_and_again_ends_in_the_canonical_table() {
    for name in ["live_logs", "catchup_midrange_blocks"] {
        replay(name, Some((9, Break::Status(Code::Unavailable, "gone".to_owned())))).await;
    }
}
