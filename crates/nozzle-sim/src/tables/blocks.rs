//! Ethereum's `blocks`, column by column as a server sends them.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType::{Binary, FixedSizeBinary, UInt64};
use arrow_schema::{Schema, SchemaRef};

use super::column::{
    Row, big, binaries, blob, decimal, decimals, fixed, fixed_or_null, nullable, numbers, random,
    required, timestamps, u64s, u64s_or_null, utc,
};

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required("_block_num", UInt64),
        required("block_num", UInt64),
        required("timestamp", utc()),
        required("hash", FixedSizeBinary(32)),
        required("parent_hash", FixedSizeBinary(32)),
        required("ommers_hash", FixedSizeBinary(32)),
        required("miner", FixedSizeBinary(20)),
        required("state_root", FixedSizeBinary(32)),
        required("transactions_root", FixedSizeBinary(32)),
        required("receipt_root", FixedSizeBinary(32)),
        required("logs_bloom", Binary),
        required("difficulty", decimal()),
        nullable("total_difficulty", decimal()),
        required("gas_limit", UInt64),
        required("gas_used", UInt64),
        required("extra_data", Binary),
        required("mix_hash", FixedSizeBinary(32)),
        required("nonce", UInt64),
        nullable("base_fee_per_gas", decimal()),
        nullable("withdrawals_root", FixedSizeBinary(32)),
        nullable("blob_gas_used", UInt64),
        nullable("excess_blob_gas", UInt64),
        nullable("parent_beacon_root", FixedSizeBinary(32)),
        nullable("requests_hash", FixedSizeBinary(32)),
    ]))
}

pub(super) fn columns(rows: &[Row<'_>]) -> Vec<ArrayRef> {
    let root_or_null = |column| {
        fixed_or_null::<32, 32>(rows, move |row| {
            let mut dice = row.dice(column);
            (!dice.one_in(3)).then(|| dice.bytes())
        })
    };
    let gas_or_null = |column| {
        u64s_or_null(rows, move |row| Some(row.dice(column).next()).filter(|gas| gas % 3 != 0))
    };
    vec![
        numbers(rows),
        numbers(rows),
        timestamps(rows),
        fixed::<32, 32>(rows, |row| row.block.hash.0),
        fixed::<32, 32>(rows, |row| row.block.parent.0),
        random::<32, 32>(rows, 1),
        random::<20, 20>(rows, 2),
        random::<32, 32>(rows, 3),
        random::<32, 32>(rows, 4),
        random::<32, 32>(rows, 5),
        binaries(rows, bloom),
        decimals(rows, |row| Some(big(row.dice(7)))),
        decimals(rows, |row| (row.block.number % 4 != 1).then(|| big(row.dice(8)))),
        u64s(rows, |_| 30_000_000),
        u64s(rows, |row| row.dice(10).below(30_000_000)),
        binaries(rows, |row| blob(row.dice(11), 33)),
        random::<32, 32>(rows, 12),
        u64s(rows, nonce),
        decimals(rows, |row| (row.block.number > 2).then(|| big(row.dice(14)))),
        root_or_null(15),
        gas_or_null(16),
        gas_or_null(17),
        root_or_null(18),
        root_or_null(19),
    ]
}

/// 256 bytes, most of them zero; none at all in one block of seven.
fn bloom(row: &Row<'_>) -> Vec<u8> {
    let mut dice = row.dice(6);
    if dice.one_in(7) {
        return Vec::new();
    }
    let mut bloom = vec![0; 256];
    dice.fill(&mut bloom[..16]);
    bloom
}

/// Proof-of-work nonces use all 64 bits; later blocks have none.
fn nonce(row: &Row<'_>) -> u64 {
    match row.block.number {
        0 => u64::MAX,
        1..=1000 => row.dice(13).next() | (row.block.number % 2) << 63,
        _ => 0,
    }
}
