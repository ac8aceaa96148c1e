//! Servers of other ages.

use nozzle_sim::{EmptyReply, Era, MetadataShape, ProbeStream, SimConfig, SimServer, Table};
use serde_json::Value;

use crate::client::{cursor, json, open, range};

const SUFFIX: &str = "SELECT * FROM sim.logs SETTINGS stream = true";

async fn server(era: Era) -> SimServer {
    // One block in three has rows.
    let logs = Table::logs().with_rows_per_block(1..=2).with_rows_in_one_block_of(3);
    let config =
        SimConfig { era, tables: vec![logs], microbatch_blocks_max: 1, ..SimConfig::default() };
    SimServer::start(config).await.unwrap()
}

/// The numbers of the canonical blocks with rows.
fn full(server: &SimServer) -> Vec<u64> {
    let chain = server.chain();
    let full = chain.stored().iter().filter(|b| server.rows_in_block("logs", &b.hash) > 0);
    full.map(|block| block.number).collect()
}

async fn starts(stream: &mut ProbeStream, key: &str, through: u64) -> Vec<u64> {
    let mut starts = Vec::new();
    while starts.last() != Some(&through) {
        let metadata = json(&stream.next().await.unwrap().unwrap());
        assert_eq!(metadata.get("ranges_complete"), None);
        let range = if key == "ranges" { &metadata["ranges"][0] } else { &metadata[key] };
        starts.push(range["numbers"]["start"].as_u64().unwrap());
    }
    starts.dedup();
    starts
}

#[tokio::test]
async fn september_2025_passes_over_empty_ranges_in_silence() {
    let server = server(Era::SEPTEMBER_2025).await;
    server.mine(30);
    let full = full(&server);
    assert!(full.len() > 2 && full.len() < 30);
    let mut stream = open(&server, SUFFIX, &[]).await.unwrap();
    assert_eq!(starts(&mut stream, "ranges", *full.last().unwrap()).await, full);
}

#[tokio::test]
async fn september_2025_resumes_by_the_old_header_only() {
    let server = server(Era::SEPTEMBER_2025).await;
    server.mine(30);
    let full = full(&server);
    let block = *server.chain().block(full[1]).unwrap();
    let resume = cursor(&server, block.number, &block.hash.to_string());
    for (header, first) in [("nozzle-resume", full[2]), ("amp-resume", full[0])] {
        let mut stream = open(&server, SUFFIX, &[(header, &resume)]).await.unwrap();
        assert_eq!(starts(&mut stream, "ranges", first).await, [first]);
    }
}

#[tokio::test]
async fn today_resumes_by_the_new_header_only() {
    let server = server(Era::HEAD).await;
    server.mine(3);
    let block = *server.chain().block(1).unwrap();
    let resume = cursor(&server, 1, &block.hash.to_string());
    for (header, first) in [("nozzle-resume", 0), ("amp-resume", 2)] {
        let mut stream = open(&server, SUFFIX, &[(header, &resume)]).await.unwrap();
        assert_eq!(range(&mut stream).await.start, first);
    }
}

#[tokio::test]
async fn august_2025_says_range_and_no_parent() {
    let server = server(Era::AUGUST_2025).await;
    server.mine(30);
    let mut stream = open(&server, SUFFIX, &[]).await.unwrap();
    let metadata = json(&stream.next().await.unwrap().unwrap());
    assert_eq!(metadata["range"]["numbers"]["start"], full(&server)[0]);
    assert_eq!(metadata["range"]["prev_hash"], Value::Null);
    assert_eq!(metadata["range"].get("timestamp"), None);
}

#[tokio::test]
async fn may_2025_says_nothing() {
    let server = server(Era::MAY_2025).await;
    server.mine(30);
    let mut stream = open(&server, SUFFIX, &[]).await.unwrap();
    let message = stream.next().await.unwrap().unwrap();
    assert!(message.rows.num_rows() > 0);
    assert_eq!(message.metadata, "");
}

#[tokio::test]
async fn october_2025_does_not_read_the_stream_header() {
    let server = server(Era::OCTOBER_2025).await;
    server.mine(1);
    let headers = [("amp-stream", "true")];
    let mut batch = open(&server, "SELECT * FROM sim.logs", &headers).await.unwrap();
    while batch.next().await.unwrap().is_some() {}
    let mut stream = open(&server, SUFFIX, &headers).await.unwrap();
    assert_eq!(range(&mut stream).await.numbers(), (0, 0));
}

#[tokio::test]
async fn keys_that_nobody_knows_come_beside_the_known_ones() {
    let server = server(Era { extra_keys: true, ..Era::HEAD }).await;
    server.mine(1);
    let mut stream = open(&server, SUFFIX, &[]).await.unwrap();
    let metadata = json(&stream.next().await.unwrap().unwrap());
    assert_eq!(metadata["ranges"][0]["finality"], "unsafe");
    assert!(metadata["server"].is_object());
}

#[tokio::test]
async fn each_era_answers_an_empty_dataset_in_its_way() {
    for (empty, schema, batches) in [
        (EmptyReply::Nothing, false, 0),
        (EmptyReply::Schema, true, 0),
        (EmptyReply::Batch, true, 1),
    ] {
        let server = server(Era { empty, ..Era::HEAD }).await;
        let mut stream = open(&server, SUFFIX, &[]).await.unwrap();
        let mut seen = 0;
        while stream.next().await.unwrap().is_some() {
            seen += 1;
        }
        assert_eq!((stream.has_schema(), seen), (schema, batches), "{empty:?}");
    }
    assert_eq!(Era::default().metadata, MetadataShape::Ranges);
}
