//! Ethereum's `logs`, column by column as a server sends them.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType::{Binary, FixedSizeBinary, UInt32, UInt64};
use arrow_schema::{Schema, SchemaRef};

use super::column::{
    Row, binaries, blob, fixed, fixed_or_null, nullable, numbers, random, required, timestamps,
    u32s, utc,
};

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required("_block_num", UInt64),
        required("block_hash", FixedSizeBinary(32)),
        required("block_num", UInt64),
        required("timestamp", utc()),
        required("tx_hash", FixedSizeBinary(32)),
        required("tx_index", UInt32),
        required("log_index", UInt32),
        required("address", FixedSizeBinary(20)),
        nullable("topic0", FixedSizeBinary(32)),
        nullable("topic1", FixedSizeBinary(32)),
        nullable("topic2", FixedSizeBinary(32)),
        nullable("topic3", FixedSizeBinary(32)),
        required("data", Binary),
    ]))
}

pub(super) fn columns(rows: &[Row<'_>]) -> Vec<ArrayRef> {
    // A log has its topics from the first on: none to four of them.
    let topic = |position| {
        fixed_or_null::<32, 32>(rows, move |row| {
            (row.dice(4).below(5) > position).then(|| row.dice(5 + position).bytes())
        })
    };
    vec![
        numbers(rows),
        fixed::<32, 32>(rows, |row| row.block.hash.0),
        numbers(rows),
        timestamps(rows),
        random::<32, 32>(rows, 1),
        u32s(rows, |row| row.index / 2),
        u32s(rows, |row| row.index),
        random::<20, 20>(rows, 3),
        topic(0),
        topic(1),
        topic(2),
        topic(3),
        binaries(rows, |row| blob(row.dice(9), 97)),
    ]
}
