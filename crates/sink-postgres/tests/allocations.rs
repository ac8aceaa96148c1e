//! Encoding rows costs no allocation per row.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../benches/encode/columns.rs"]
mod columns;

use std::sync::Arc;

use ampsync_schema::ColumnOptions;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use sink_postgres::SinkOptions;
use sink_postgres::bench::Encoder;

/// How often memory was asked for while the rows were encoded a second time.
fn allocations(columns: Vec<(&str, ArrayRef)>, options: &SinkOptions) -> u64 {
    let count = columns[0].1.len();
    let blocks: ArrayRef = Arc::new(UInt64Array::from(vec![1; count]));
    let columns = std::iter::once(("_block_num", blocks)).chain(columns);
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let encoder = Encoder::new(&rows.schema(), options).unwrap();
    encoder.encode(&rows, drop).unwrap();
    allocation_counter::measure(|| encoder.encode(&rows, drop).unwrap()).count_total
}

/// What 5,000 rows may need more than 100: memory for each piece of 128 KiB, and the owner of it.
const PIECES: u64 = 40;

#[test]
fn rows_of_logs_cost_no_allocation_each() {
    let options = SinkOptions::default();
    let (few, many) =
        (allocations(columns::logs(100), &options), allocations(columns::logs(5_000), &options));
    assert!(many <= few + PIECES, "{few} for 100 rows, {many} for 5000");
}

#[test]
fn values_of_every_type_cost_no_allocation_each() {
    let few = columns::all(100).into_iter();
    for (few, many) in few.zip(columns::all(5_000)) {
        let mut options = SinkOptions::default();
        let mut column = ColumnOptions::default();
        column.ty = few.chosen;
        options.table.columns.insert("value".to_owned(), column);
        let name = few.name;
        let few = allocations(vec![("value", few.values)], &options);
        let many = allocations(vec![("value", many.values)], &options);
        assert!(many <= few + PIECES, "{name}: {few} for 100 rows, {many} for 5000");
    }
}
