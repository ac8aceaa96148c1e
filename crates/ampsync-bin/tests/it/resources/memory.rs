//! The bound that `docs/guarantees.md` gives: what the process holds at its highest, against what
//! it was allowed.

use std::fs;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ampsync_testkit::proxy::{Proxy, Shape};
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, RecordBatch, UInt64Array};
use nozzle_sim::{SchemaChange, SimConfig, SimServer, Table};

use crate::pipe::Database;
use crate::process::ampsync;
use crate::security::Captured;

const MIB: u64 = 1 << 20;
/// What `MEMORY_LIMIT` is in these tests, in MiB: the least that makes a difference.
const LIMIT_MIB: u64 = 32;

/// The bound: what the program itself needs, rows twice (as they came and as they are written), and
/// for each table six messages of the largest size: one as it comes in, the one before it as it came
/// and decoded, and the one that is written: decoded, encoded, and in the connection's buffer.
fn bound(tables: u64, message_mib: u64) -> u64 {
    (96 + 2 * LIMIT_MIB + 6 * tables * message_mib) * MIB
}

/// The most memory the process ever had.
fn peak_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Syncs all tables of the server, its database being slow, and returns the peak.
async fn peak(sim: &SimServer, slow: Shape, more: &[(&str, &str)]) -> u64 {
    let database = Database::create().await;
    let proxy = Proxy::start(database.addr()).await.unwrap();
    proxy.set_shape(slow);
    let (url, endpoint) = (database.url_via(proxy.addr()), sim.endpoint());
    let limit = format!("{LIMIT_MIB}MiB");
    let tables: Vec<_> = sim.config().tables.iter().map(Table::name).collect();
    let tables = tables.join(",");
    let mut environment = vec![
        ("NOZZLE_ENDPOINT", endpoint.as_str()),
        ("DATASET", "_/sim@0.0.1"),
        ("TABLES", &tables),
        ("DATABASE_URL", &url),
        ("MEMORY_LIMIT", &limit),
    ];
    environment.extend(more);
    let mut running = Captured::start(ampsync(&environment));
    // While it is slow, whatever could pile up does.
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.set_shape(Shape::default());
    let head = sim.chain().head().unwrap().hash;
    let mut caught_up = pin!(async {
        for table in &sim.config().tables {
            database.reaches(table.name(), &head).await;
        }
    });
    loop {
        tokio::select! {
            () = &mut caught_up => break,
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                assert!(!running.has_ended(), "{}", running.text());
            }
        }
    }
    let peak = peak_bytes(running.id());
    let end = running.stop();
    assert_eq!(end.code, Some(0), "{}", end.text);
    println!("peak: {} MiB", peak / MIB);
    peak
}

fn slow() -> Shape {
    Shape { bytes_per_second: NonZeroU32::new(2_000_000), ..Shape::default() }
}

/// Large batches, much more in all than may be held.
fn much(tables: Vec<Table>) -> SimConfig {
    SimConfig {
        tables,
        batch_rows_max: 100_000,
        batch_bytes_max: 8 << 20,
        shuffle: false,
        ..SimConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database_does_not_fill_the_memory() {
    let table =
        |number: usize| Table::logs().named(&format!("logs_{number}")).with_rows_per_block(40..=60);
    let sim = SimServer::start(much((0..3).map(table).collect())).await.unwrap();
    sim.mine(3_000);
    let peak = peak(&sim, slow(), &[]).await;
    let bound = bound(3, 8);
    assert!(peak <= bound, "{} of {} MiB", peak / MIB, bound / MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_does_not_fill_the_memory() {
    let sim = SimServer::start(much(vec![Table::transactions().with_rows_per_block(5..=10)]));
    let sim = sim.await.unwrap();
    sim.mine(2_000);
    let proxy = Proxy::start(sim.addr()).await.unwrap();
    proxy.set_shape(Shape { bytes_per_second: NonZeroU32::new(4_000_000), ..Shape::default() });
    let endpoint = format!("http://{}", proxy.addr());
    let peak = peak(&sim, Shape::default(), &[("NOZZLE_ENDPOINT", &endpoint)]).await;
    let bound = bound(1, 8);
    assert!(peak <= bound, "{} of {} MiB", peak / MIB, bound / MIB);
}

/// A table of so many columns, none of them null in half of the rows.
fn wide(columns: usize) -> Table {
    let sparse = Table::sparse().with_rows_in_one_block_of(1).with_rows_per_block(2..=2);
    let missing = columns - sparse.schema().fields().len();
    (0..missing).fold(sparse, |table, number| {
        table.with_change(SchemaChange::Add(format!("column_{number}")))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_columns_do_not_fill_the_memory() {
    let sim = SimServer::start(much(vec![wide(500)])).await.unwrap();
    sim.mine(1_500);
    let peak = peak(&sim, slow(), &[]).await;
    let bound = bound(1, 8);
    assert!(peak <= bound, "{} of {} MiB", peak / MIB, bound / MIB);
}

/// A table whose blocks have these columns beside `_block_num`, each of so many rows.
fn scripted(name: &str, blocks: u64, rows: usize, columns: &[(String, ArrayRef)]) -> Table {
    let block = |number: u64| {
        let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![number; rows]));
        let first = ("_block_num", numbers, false);
        let others = columns.iter().map(|(name, column)| (name.as_str(), Arc::clone(column), true));
        RecordBatch::try_from_iter_with_nullable(std::iter::once(first).chain(others)).unwrap()
    };
    let blocks: Vec<_> = (0..blocks).map(block).collect();
    Table::scripted(name, blocks[0].schema(), blocks)
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_hundred_columns_do_not_fill_the_memory() {
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    let columns: Vec<_> =
        (1..1_600).map(|number| (format!("flag_{number}"), Arc::clone(&flags))).collect();
    let sim = SimServer::start(much(vec![scripted("flags", 400, 3, &columns)])).await.unwrap();
    sim.mine(400);
    let peak = peak(&sim, slow(), &[]).await;
    let bound = bound(1, 8);
    assert!(peak <= bound, "{} of {} MiB", peak / MIB, bound / MIB);
}

/// The largest message that can be allowed, several times: each is larger than what may be held.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_half_a_gigabyte_pass_one_by_one() {
    let blob: ArrayRef = Arc::new(BinaryArray::from_iter_values([vec![7_u8; 500 << 20]]));
    let table = scripted("blobs", 4, 1, &[("blob".to_owned(), blob)]);
    let sim = SimServer::start(much(vec![table])).await.unwrap();
    sim.mine(4);
    let peak = peak(&sim, Shape::default(), &[("NOZZLE_DECODE_LIMIT_MIB", "512")]).await;
    let bound = bound(1, 512);
    assert!(peak <= bound, "{} of {} MiB", peak / MIB, bound / MIB);
}

/// PostgreSQL has no more than 1,600 columns, and a row of them has to fit a page: these do not.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_no_page_can_hold_stops_its_table_with_the_reason() {
    let sim = SimServer::start(much(vec![wide(1_600)])).await.unwrap();
    sim.mine(5);
    let database = Database::create().await;
    let end = Captured::start(ampsync(&[
        ("NOZZLE_ENDPOINT", &sim.endpoint()),
        ("DATASET", "_/sim@0.0.1"),
        ("TABLES", "sparse"),
        ("DATABASE_URL", &database.url()),
    ]))
    .end();
    assert_eq!(end.code, Some(3), "{}", end.text);
    assert!(end.text.contains("row is too big") && end.text.contains("54000"), "{}", end.text);
    assert_eq!(database.count("SELECT count(*) FROM public.sparse").await, 0);
}
