//! Keeps a file of JSON lines equal to a table of a server, exactly once: its first line is the checkpoint,
//! each other line a row. A commit renames a new file into place: all of it changes at once, or nothing.
//! `cargo run -p sync-core --features serde --example json_lines -- http://localhost:1602 my/eth logs logs.jsonl`

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_json::LineDelimitedWriter;
use nozzle_client::{SqlClient, StreamSource};
use serde_json::{Deserializer, Value};
use sync_core::{Commit, HealthBoard, Outcome, Saved, Store, StoreSink, TablePlan, TableSync, run};

#[derive(Default)]
pub(crate) struct JsonLines {
    pub(crate) path: PathBuf,
    lock: Option<File>,
    rows: Vec<Value>,
}

impl Store for JsonLines {
    type Error = io::Error;

    async fn open(&mut self, _: &TablePlan) -> io::Result<Option<Saved>> {
        if self.lock.is_none() {
            let lock = File::create(self.path.with_added_extension("lock"))?;
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                locked => locked?,
            }
            self.lock = Some(lock);
        }
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                serde_json::to_string(&Saved::default())?
            }
            text => text?,
        };
        let mut lines = text.lines();
        let saved = serde_json::from_str(lines.next().unwrap_or_default())?;
        self.rows = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Some(saved))
    }

    async fn write(&mut self, commit: Commit) -> io::Result<u64> {
        let goes = |row: &mut Value| row["_block_num"].as_u64().is_some_and(|n| commit.retracts(n));
        let deleted = self.rows.extract_if(.., goes).count();
        let mut new = LineDelimitedWriter::new(Vec::new());
        new.write_batches(&commit.rows.iter().collect::<Vec<_>>()).map_err(io::Error::other)?;
        for row in Deserializer::from_slice(&new.into_inner()).into_iter() {
            self.rows.push(row?);
        }
        let next = self.path.with_added_extension("next");
        let mut file = io::BufWriter::new(File::create(&next)?);
        writeln!(file, "{}", serde_json::to_string(&commit.saved)?)?;
        self.rows.iter().try_for_each(|row| writeln!(file, "{row}"))?;
        file.into_inner()?.sync_all()?;
        fs::rename(next, &self.path)?;
        Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, dataset, table, path] = arguments.as_slice() else {
        return Err("usage: json_lines ENDPOINT DATASET TABLE FILE".into());
    };
    let (query, path) = (format!("SELECT * FROM \"{dataset}\".\"{table}\""), PathBuf::from(path));
    let source = StreamSource::new(SqlClient::new(endpoint)?, &query);
    let sink = move || StoreSink::new(JsonLines { path: path.clone(), ..JsonLines::default() });
    let sync = TableSync::new(table, dataset, &query, source, sink);
    let (health, shutdown) = (Arc::new(HealthBoard::default()), Default::default());
    match run(vec![sync], Default::default(), health, shutdown).await.remove(0).1 {
        Outcome::Clean => Ok(()),
        Outcome::Stopped(error) => Err(error.message.into()),
    }
}
