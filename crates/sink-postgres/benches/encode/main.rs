//! How fast rows are encoded: each type by itself, and the shape of a table of Ethereum logs.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod columns;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use ampsync_schema::ColumnOptions;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use sink_postgres::SinkOptions;
use sink_postgres::bench::Encoder;

use self::columns::Column;

/// The rows of a batch.
const ROWS: u32 = 10_000;

/// Rows that have a block number beside their columns.
fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let count = columns[0].1.len();
    let blocks = UInt64Array::from_iter_values((0..).take(count).map(|row: u64| row / 200));
    let blocks: (&str, ArrayRef) = ("_block_num", Arc::new(blocks));
    RecordBatch::try_from_iter(std::iter::once(blocks).chain(columns)).unwrap()
}

/// Measures the same batch twice: by its rows, and by the bytes that come of it.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    rows: &RecordBatch,
    options: &SinkOptions,
) {
    let encoder = Encoder::new(&rows.schema(), options).unwrap();
    let mut bytes = 0;
    encoder.encode(rows, |piece| bytes += piece.len()).unwrap();
    let throughputs = [
        ("rows", Throughput::Elements(rows.num_rows().try_into().unwrap())),
        ("bytes", Throughput::Bytes(bytes.try_into().unwrap())),
    ];
    for (what, throughput) in throughputs {
        group.throughput(throughput);
        group.bench_with_input(BenchmarkId::new(name, what), rows, |bencher, rows| {
            bencher
                .iter(|| encoder.encode(black_box(rows), |piece| drop(black_box(piece))).unwrap());
        });
    }
}

fn types(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("type");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for Column { name, values, chosen } in columns::all(ROWS) {
        let mut options = SinkOptions::default();
        let mut column = ColumnOptions::default();
        column.ty = chosen;
        options.table.columns.insert("value".to_owned(), column);
        measure(&mut group, name, &rows(vec![("value", values)]), &options);
    }
    group.finish();
}

fn logs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("table");
    measure(&mut group, "logs", &rows(columns::logs(ROWS)), &SinkOptions::default());
    group.finish();
}

criterion_group!(benches, types, logs);
criterion_main!(benches);
