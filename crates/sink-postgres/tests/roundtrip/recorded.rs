//! Recorded streams, and tables as queries that decode events send them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ampsync_schema::{ColumnOptions, ColumnType};
use ampsync_testkit::verify;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::*;
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, Fields, Schema};
use nozzle_sim::{Recording, ReplayOptions, ReplayServer, SimConfig, SimServer, Table};
use serde_json::Value;
use sink_postgres::SinkOptions;

use crate::World;

/// The recordings; `RECORDINGS` names a folder with others.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nozzle-sim/recordings");
    std::env::var_os("RECORDINGS").map_or(folder, PathBuf::from)
}

/// What a table has in the end, and the hash of the last completed block: told by the recording
/// alone. Whatever a range brings replaces all from its start on. `None` if nothing is completed,
/// or rows do not say their blocks.
fn canonical(recording: &Recording) -> Option<(Vec<RecordBatch>, Vec<u8>)> {
    recording.schema.as_ref()?.column_with_name("_block_num")?;
    let mut kept: Vec<RecordBatch> = Vec::new();
    let (mut last, mut hash) = (Value::Null, None);
    for message in &recording.messages {
        let metadata: Value = serde_json::from_str(message.metadata.as_deref()?).unwrap();
        let range = metadata["ranges"].get(0)?.clone();
        let start = range["numbers"]["start"].as_u64().unwrap();
        if range != last {
            kept = kept.iter().map(|batch| below(batch, start)).collect();
            last = range.clone();
        }
        kept.push(message.rows.clone());
        if metadata["ranges_complete"] == true {
            hash = range["hash"].as_str().map(|text| hex(text.trim_start_matches("0x")));
        }
    }
    kept.retain(|batch| batch.num_rows() > 0);
    Some((kept, hash?)).filter(|(kept, _)| !kept.is_empty())
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The rows of blocks below `start`, which come first.
fn below(batch: &RecordBatch, start: u64) -> RecordBatch {
    let blocks = batch.column_by_name("_block_num").unwrap().as_primitive::<UInt64Type>();
    batch.slice(0, blocks.values().partition_point(|block| *block < start))
}

/// `value` as a number: of a transaction it is a `uint256`, which is sent as a text.
fn options(schema: &Schema) -> SinkOptions {
    let mut options = SinkOptions::default();
    if schema.field_with_name("value").is_ok_and(|field| field.data_type() == &DataType::Utf8) {
        let mut column = ColumnOptions::default();
        column.ty = Some(ColumnType::Numeric(None));
        options.table.columns.insert("value".to_owned(), column);
    }
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_arrive_as_they_were_sent() {
    let world = World::new().await;
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some("jsonl".as_ref()) {
            continue;
        }
        let recording = Recording::load(&path).unwrap();
        // One that was asked for with a cursor does not begin with the first block.
        let resumed = recording.headers.keys().any(|header| header.ends_with("resume"));
        let Some((rows, hash)) = canonical(&recording).filter(|_| !resumed) else { continue };
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap().to_owned();
        let tables = vec![(name.clone(), options(&rows[0].schema()))];
        let server = ReplayServer::start(vec![recording], ReplayOptions::default()).await.unwrap();
        let is_last = |cursor: &sync_core::chain::Cursor| cursor.hash.0[..] == hash[..];
        world.sync(&server.endpoint(), "_/recorded@0.0.1", tables, is_last).await.unwrap();
        let verdict = verify::table(&world.session, "public", &name, &rows).await.unwrap();
        println!("{name}: {} rows", verdict.expect_equal());
        count += 1;
    }
    assert!(count > 4, "only {count} recordings in {}", Path::display(&folder()));
}

/// The columns of a query over `evm_decode_log`: a struct whose fields may be null, and the same
/// as columns. Numbers of 128 to 248 bits are decimals, those of 256 bits texts.
fn decoded() -> RecordBatch {
    let nines = i256::from_string(&"9".repeat(76)).unwrap();
    let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    let wide = Decimal256Array::from(vec![Some(nines), Some(-nines), None]);
    let wide: ArrayRef = Arc::new(wide.with_precision_and_scale(76, 0).unwrap());
    let address = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        [Some([0xab; 20]), None, Some([0; 20])].into_iter(),
        20,
    );
    let address: ArrayRef = Arc::new(address.unwrap());
    let value: ArrayRef = Arc::new(StringArray::from(vec![Some(largest), Some("0"), None]));
    let fields = Fields::from(vec![
        Field::new("from", address.data_type().clone(), true),
        Field::new("to", wide.data_type().clone(), true),
        Field::new("value", DataType::Utf8, true),
    ]);
    let columns = vec![Arc::clone(&address), Arc::clone(&wide), Arc::clone(&value)];
    let event: ArrayRef = Arc::new(StructArray::new(fields, columns, None));
    let blocks: ArrayRef = Arc::new(UInt64Array::from(vec![0, 0, 0]));
    let indexes: ArrayRef = Arc::new(StringViewArray::from(vec!["0", "1", "2"]));
    let fields: Vec<_> = [
        ("_block_num", &blocks, false),
        ("event", &event, false),
        ("from", &address, true),
        ("to", &wide, true),
        ("value", &value, true),
        ("tx_index_text", &indexes, false),
    ]
    .map(|(name, array, nullable)| Field::new(name, array.data_type().clone(), nullable))
    .to_vec();
    let columns = vec![blocks, event, address, wide, value, indexes];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn decoded_events_arrive_with_their_wide_numbers() {
    let world = World::new().await;
    let rows = decoded();
    let table = Table::scripted("decoded", rows.schema(), vec![rows.clone()]);
    let sim = SimServer::start(SimConfig { tables: vec![table], ..SimConfig::default() });
    let sim = sim.await.unwrap();
    sim.mine(1);
    let tables = vec![("decoded".to_owned(), options(&rows.schema()))];
    let dataset = sim.config().dataset_ref();
    let is_last = |_: &sync_core::chain::Cursor| true;
    world.sync(&sim.endpoint(), &dataset, tables, is_last).await.unwrap();
    let verdict = verify::table(&world.session, "public", "decoded", &[rows]).await.unwrap();
    assert_eq!(verdict.expect_equal(), 3);
    let sum = "SELECT sum(value)::text FROM decoded";
    let sum: String = world.session.query_one(sum, &[]).await.unwrap().get(0);
    assert!(sum.starts_with("11579208923731619542357098500868790785326998466564056403945758400"));
}
