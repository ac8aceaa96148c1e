//! Keeps a file of JSON lines equal to a table of a server, exactly once, through reorgs.
//!
//! ```sh
//! cargo run -p sync-core --example json_lines -- http://localhost:1602 my_org/eth@1.0.0 blocks blocks.jsonl
//! ```
//!
//! `sink.rs` is the sink, `saved.rs` is the checkpoint as JSON; this is what puts them together.

mod saved;
mod sink;

use std::error::Error;
use std::sync::Arc;

use nozzle_client::{SqlClient, StreamSource};
use sync_core::{EngineConfig, HealthBoard, Outcome, TableSync, run};
use tokio_util::sync::CancellationToken;

use sink::JsonLines;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, dataset, table, path] = arguments.as_slice() else {
        return Err("usage: json_lines ENDPOINT DATASET TABLE FILE".into());
    };
    let query = format!("SELECT * FROM \"{dataset}\".\"{table}\"");
    let path = path.clone();
    let sync = TableSync {
        table: table.clone(),
        dataset: dataset.clone(),
        source: StreamSource::new(SqlClient::new(endpoint)?, &query),
        query,
        block_column: "_block_num".to_owned(),
        make_sink: move || JsonLines::new(&path),
    };
    // Cancelled, it ends cleanly; killed, the file is as after the last commit.
    let (health, shutdown) = (Arc::new(HealthBoard::default()), CancellationToken::new());
    for (table, outcome) in run(vec![sync], EngineConfig::default(), health, shutdown).await {
        if let Outcome::Stopped(error) = outcome {
            return Err(format!("{table}: {}", error.message).into());
        }
    }
    Ok(())
}
