//! Recordings of the simulator itself, always the same ones.

use std::path::Path;

use serde_json::{Value, json};

use super::{End, Recorded, Recording, RecordingError};
use crate::chain::{BlockHash, Chain};
use crate::probe::{Probe, ProbeError, ProbeStream};
use crate::server::{SimConfig, SimServer};
use crate::tables::Table;

/// Makes every recording of this crate in `dir`, overwriting those that are there.
///
/// # Errors
/// When a file cannot be written, or the simulator does not behave.
pub async fn record(dir: &Path) -> Result<(), RecordingError> {
    live(dir, "live_logs", "logs").await?;
    live(dir, "live_blocks", "blocks").await?;
    live(dir, "live_transactions", "transactions").await?;
    catchup(dir, "catchup_midrange_logs", "logs").await?;
    catchup(dir, "catchup_midrange_blocks", "blocks").await?;
    resumed(dir).await?;
    errors(dir).await
}

/// Following the head through a reorg of depth 1 and one of depth 3.
async fn live(dir: &Path, name: &'static str, table: &str) -> Result<(), RecordingError> {
    let mut take = Take::new(name, small(1000)).await?;
    take.change(|chain| chain.mine(4));
    take.open(table, None).await?;
    for _ in 0..4 {
        take.change(|chain| chain.mine(1));
        take.through_head().await?;
    }
    take.change(|chain| chain.reorg(1));
    take.through_head().await?;
    take.change(|chain| chain.mine(2));
    take.through_head().await?;
    take.change(|chain| chain.reorg(3));
    take.through_head().await?;
    take.change(|chain| chain.mine(1));
    take.through_head().await?;
    take.save(dir)
}

/// Catching up by ranges of 50 blocks, then a reorg inside the last range, then two more blocks.
async fn catchup(dir: &Path, name: &'static str, table: &str) -> Result<(), RecordingError> {
    let mut take = Take::new(name, small(50)).await?;
    take.change(|chain| chain.mine(62));
    take.open(table, None).await?;
    take.change(|chain| chain.reorg(4));
    take.through_head().await?;
    for _ in 0..2 {
        take.change(|chain| chain.mine(1));
        take.through_head().await?;
    }
    take.save(dir)
}

/// Coming back with a cursor that is orphaned, unknown, or above the head.
async fn resumed(dir: &Path) -> Result<(), RecordingError> {
    let mut take = Take::new("resume_after_offline_reorg", small(1000)).await?;
    take.change(|chain| chain.mine(20));
    let cursor = take.head();
    take.change(|chain| chain.reorg(3));
    take.open("logs", Some(cursor)).await?;
    take.save(dir)?;

    let mut take = Take::new("resume_unknown_hash", small(1000)).await?;
    take.change(|chain| chain.mine(20));
    let (number, hash) = take.head();
    take.open("logs", Some((number - 5, hash.corrupted()))).await?;
    take.save(dir)?;

    let mut take = Take::new("resume_ahead", small(1000)).await?;
    take.change(|chain| chain.mine(20));
    let (number, hash) = take.head();
    take.start("logs", Some((number + 1000, hash.corrupted()))).await?;
    take.save(dir)
}

/// What is answered before there is data, and to queries that cannot be.
async fn errors(dir: &Path) -> Result<(), RecordingError> {
    let config = SimConfig { deployed: false, ..small(1000) };
    let mut take = Take::new("never_deployed", config).await?;
    take.start("blocks", None).await?;
    take.save(dir)?;

    let mut take = Take::new("deployed_without_data", small(1000)).await?;
    take.start("blocks", None).await?;
    take.through_end().await?;
    take.save(dir)?;

    let mut take = Take::new("just_deployed", small(1000)).await?;
    take.change(|chain| chain.mine(3));
    take.open("blocks", None).await?;
    take.save(dir)?;

    for (name, sql) in [
        ("error_unknown_table", "SELECT * FROM \"_/sim@0.0.1\".nope"),
        ("error_syntax", "SELEC 1"),
        ("error_non_incremental", "SELECT count(*) AS n FROM \"_/sim@0.0.1\".logs"),
    ] {
        let mut take = Take::new(name, small(1000)).await?;
        take.change(|chain| chain.mine(3));
        take.query(sql, None).await?;
        take.save(dir)?;
    }
    Ok(())
}

/// A server whose recordings are small.
fn small(microbatch_blocks_max: u64) -> SimConfig {
    SimConfig {
        seed: 7,
        network: "anvil".to_owned(),
        microbatch_blocks_max,
        tables: vec![
            Table::blocks(),
            Table::logs().with_rows_per_block(0..=2),
            Table::transactions().with_rows_per_block(0..=2),
        ],
        ..SimConfig::default()
    }
}

/// One recording in the making.
struct Take {
    name: &'static str,
    server: SimServer,
    stream: Option<ProbeStream>,
    recording: Recording,
}

impl Take {
    async fn new(name: &'static str, config: SimConfig) -> Result<Self, RecordingError> {
        let server = SimServer::start(config).await.map_err(|error| failed(name, &error))?;
        let recording = Recording {
            sql: String::new(),
            headers: [("amp-stream".to_owned(), "true".to_owned())].into(),
            schema: None,
            messages: Vec::new(),
            end: End::Open,
        };
        Ok(Self { name, server, stream: None, recording })
    }

    fn change(&self, change: impl FnOnce(&mut Chain)) {
        self.server.update(change);
    }

    fn head(&self) -> (u64, BlockHash) {
        self.server.chain().head().map_or((0, BlockHash::ZERO), |head| (head.number, head.hash))
    }

    /// Starts a stream of a table and records it through the head.
    async fn open(
        &mut self,
        table: &str,
        cursor: Option<(u64, BlockHash)>,
    ) -> Result<(), RecordingError> {
        self.start(table, cursor).await?;
        self.through_head().await
    }

    /// Starts a stream of a table.
    async fn start(
        &mut self,
        table: &str,
        cursor: Option<(u64, BlockHash)>,
    ) -> Result<(), RecordingError> {
        let sql = format!("SELECT * FROM \"{}\".{table}", self.server.config().dataset_ref());
        self.query(&sql, cursor).await
    }

    async fn query(
        &mut self,
        sql: &str,
        cursor: Option<(u64, BlockHash)>,
    ) -> Result<(), RecordingError> {
        if let Some((number, hash)) = cursor {
            let network = self.server.chain().network().to_owned();
            let json = json!({ network: { "number": number, "hash": hash } });
            self.recording.headers.insert("amp-resume".to_owned(), json.to_string());
        }
        sql.clone_into(&mut self.recording.sql);
        let headers: Vec<(&str, &str)> = self
            .recording
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let connected = Probe::connect(&self.server.endpoint()).await;
        let mut probe = connected.map_err(|error| failed(self.name, &error))?;
        match probe.plan(sql, &headers).await {
            Ok((schema, _)) => self.recording.schema = Some(schema),
            Err(status) => {
                self.recording.end = End::FlightInfo(status);
                return Ok(());
            }
        }
        match probe.open(sql, &headers).await {
            Ok(stream) => self.stream = Some(stream),
            Err(ProbeError::DoGet(status)) => self.recording.end = End::DoGet(status),
            Err(error) => return Err(failed(self.name, &error)),
        }
        Ok(())
    }

    /// Records until the range that ends at the head is complete.
    async fn through_head(&mut self) -> Result<(), RecordingError> {
        let (_, hash) = self.head();
        let hash = hash.to_string();
        loop {
            let Some(metadata) = self.step().await? else {
                return Err(failed(self.name, &"the stream ended"));
            };
            let value: Value = serde_json::from_str(&metadata).unwrap_or_default();
            if value["ranges_complete"] == true && value["ranges"][0]["hash"] == hash.as_str() {
                return Ok(());
            }
        }
    }

    /// Records until the stream ends by itself.
    async fn through_end(&mut self) -> Result<(), RecordingError> {
        while self.step().await?.is_some() {}
        self.recording.end = End::Eof;
        Ok(())
    }

    /// Records one message and gives its metadata.
    async fn step(&mut self) -> Result<Option<String>, RecordingError> {
        let stream = self.stream.as_mut().ok_or_else(|| failed(self.name, &"no stream"))?;
        let message = stream.next().await.map_err(|status| failed(self.name, &status))?;
        Ok(message.map(|message| {
            let metadata = Some(message.metadata.clone());
            self.recording.messages.push(Recorded { rows: message.rows, metadata });
            message.metadata
        }))
    }

    fn save(self, dir: &Path) -> Result<(), RecordingError> {
        self.recording.save(dir, self.name)
    }
}

fn failed(name: &'static str, problem: &dyn std::fmt::Display) -> RecordingError {
    RecordingError::Stream { name, problem: problem.to_string() }
}
