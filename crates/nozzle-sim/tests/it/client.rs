//! What the tests need of a client.

use arrow_array::{Array, RecordBatch};
use nozzle_sim::{Probe, ProbeError, ProbeMessage, ProbeStream, SimServer};
use serde_json::{Value, json};

pub(crate) const STREAM: (&str, &str) = ("amp-stream", "true");

/// One completed range.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) hash: String,
    pub(crate) prev_hash: String,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Told {
    pub(crate) fn numbers(&self) -> (u64, u64) {
        (self.start, self.end)
    }
}

/// The value of a resume header.
pub(crate) fn cursor(server: &SimServer, number: u64, hash: &str) -> String {
    json!({ server.config().network.as_str(): { "number": number, "hash": hash } }).to_string()
}

pub(crate) fn select(table: &str) -> String {
    format!("SELECT * FROM \"_/sim@0.0.1\".{table}")
}

pub(crate) async fn open(
    server: &SimServer,
    sql: &str,
    headers: &[(&str, &str)],
) -> Result<ProbeStream, ProbeError> {
    Probe::connect(&server.endpoint()).await?.open(sql, headers).await
}

/// A stream of a table, from the start or a cursor.
pub(crate) async fn stream(server: &SimServer, table: &str, cursor: Option<&str>) -> ProbeStream {
    let resume = cursor.map(|cursor| ("amp-resume", cursor));
    let headers: Vec<_> = [STREAM].into_iter().chain(resume).collect();
    open(server, &select(table), &headers).await.unwrap()
}

pub(crate) fn json(message: &ProbeMessage) -> Value {
    serde_json::from_str(&message.metadata).unwrap()
}

/// Reads one range to its completion and holds the server to the rules of a range: one metadata
/// for all its messages, rows within it and ascending by block, and none in the last message.
pub(crate) async fn range(stream: &mut ProbeStream) -> Told {
    let mut batches = Vec::new();
    let mut same: Option<Value> = None;
    loop {
        let message = stream.next().await.unwrap().unwrap();
        let metadata = json(&message);
        let ranges = &metadata["ranges"];
        assert_eq!(ranges.as_array().unwrap().len(), 1);
        assert_eq!(same.get_or_insert_with(|| ranges.clone()), ranges);
        if metadata["ranges_complete"] == false {
            batches.push(message.rows);
            continue;
        }
        assert_eq!(message.rows.num_rows(), 0);
        let number = |key: &str| ranges[0]["numbers"][key].as_u64().unwrap();
        let hash = |key: &str| ranges[0][key].as_str().unwrap().to_owned();
        let (start, end) = (number("start"), number("end"));
        check_order(&batches, start, end);
        let (hash, prev_hash) = (hash("hash"), hash("prev_hash"));
        return Told { start, end, hash, prev_hash, batches };
    }
}

fn check_order(batches: &[RecordBatch], start: u64, end: u64) {
    let numbers: Vec<u64> = batches.iter().flat_map(block_numbers).collect();
    assert!(numbers.is_sorted());
    assert!(numbers.iter().all(|number| (start..=end).contains(number)));
}

pub(crate) fn block_numbers(rows: &RecordBatch) -> Vec<u64> {
    use arrow_array::cast::AsArray;
    let Some(column) = rows.column_by_name("_block_num") else { return Vec::new() };
    column.as_primitive::<arrow_array::types::UInt64Type>().values().to_vec()
}

pub(crate) fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Every row as text, sorted: what two sets of rows have in common whatever their order.
pub(crate) fn texts<'a>(batches: impl IntoIterator<Item = &'a RecordBatch>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().map(|column| format!("{:?}", column.slice(row, 1)));
            texts.push(values.collect());
        }
    }
    texts.sort();
    texts
}
