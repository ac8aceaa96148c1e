//! Columns as functions of rows.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Int32Array,
    StringArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_schema::{DataType, Field, TimeUnit};

use crate::chain::Block;
use crate::dice::Dice;

/// The largest number that a `Decimal128(38, 0)` holds.
pub(super) const DECIMAL128_MAX: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// One row to be made.
pub(super) struct Row<'a> {
    pub(super) block: &'a Block,
    /// Its position in the block.
    pub(super) index: u32,
    seed: u64,
}

impl<'a> Row<'a> {
    pub(super) fn new(block: &'a Block, index: u32, table: u64) -> Self {
        let seed = Dice::new(block.seed() ^ (table << 56), u64::from(index)).next();
        Self { block, index, seed }
    }

    /// Where the values of one column come from.
    pub(super) fn dice(&self, column: u64) -> Dice {
        Dice::new(self.seed, column)
    }
}

pub(super) fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into()))
}

pub(super) fn decimal() -> DataType {
    DataType::Decimal128(38, 0)
}

pub(super) fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

pub(super) fn nullable(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

pub(super) fn numbers(rows: &[Row<'_>]) -> ArrayRef {
    u64s(rows, |row| row.block.number)
}

pub(super) fn timestamps(rows: &[Row<'_>]) -> ArrayRef {
    let nanos = rows.iter().map(|row| {
        i64::try_from(row.block.timestamp).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
    });
    Arc::new(TimestampNanosecondArray::from_iter_values(nanos).with_data_type(utc()))
}

pub(super) fn u64s(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> u64) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(rows.iter().map(value)))
}

pub(super) fn u64s_or_null(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> Option<u64>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<UInt64Array>())
}

pub(super) fn u32s(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> u32) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values(rows.iter().map(value)))
}

pub(super) fn i32s(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> i32) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(rows.iter().map(value)))
}

pub(super) fn bools(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(value(row))).collect::<BooleanArray>())
}

pub(super) fn decimals(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> Option<i128>) -> ArrayRef {
    let values: Decimal128Array = rows.iter().map(value).collect();
    Arc::new(values.with_data_type(decimal()))
}

pub(super) fn texts(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(value)))
}

pub(super) fn binaries(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> Vec<u8>) -> ArrayRef {
    Arc::new(BinaryArray::from_iter_values(rows.iter().map(value)))
}

/// Fixed-size values, each from the dice of `column`.
pub(super) fn random<const N: i32, const BYTES: usize>(rows: &[Row<'_>], column: u64) -> ArrayRef {
    fixed::<N, BYTES>(rows, |row| row.dice(column).bytes())
}

pub(super) fn fixed<const N: i32, const BYTES: usize>(
    rows: &[Row<'_>],
    value: impl Fn(&Row<'_>) -> [u8; BYTES],
) -> ArrayRef {
    fixed_values::<N, BYTES>(rows.iter().map(value))
}

pub(super) fn fixed_values<const N: i32, const BYTES: usize>(
    values: impl Iterator<Item = [u8; BYTES]>,
) -> ArrayRef {
    let bytes: Vec<u8> = values.flatten().collect();
    Arc::new(FixedSizeBinaryArray::new(N, Buffer::from_vec(bytes), None))
}

pub(super) fn fixed_or_null<const N: i32, const BYTES: usize>(
    rows: &[Row<'_>],
    value: impl Fn(&Row<'_>) -> Option<[u8; BYTES]>,
) -> ArrayRef {
    let values: Vec<Option<[u8; BYTES]>> = rows.iter().map(value).collect();
    let valid: NullBuffer = values.iter().map(Option::is_some).collect();
    let bytes: Vec<u8> = values.into_iter().flat_map(|value| value.unwrap_or([0; BYTES])).collect();
    Arc::new(FixedSizeBinaryArray::new(N, Buffer::from_vec(bytes), Some(valid)))
}

/// Bytes of a random length below `below`, one time in ten none, one time in a hundred many.
pub(super) fn blob(mut dice: Dice, below: u64) -> Vec<u8> {
    let length = match dice.below(100) {
        0..10 => 0,
        10 => 2000 + dice.below(500),
        _ => dice.below(below),
    };
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    dice.fill(&mut bytes);
    bytes
}

/// A decimal: one time in five the largest of 38 digits, else something smaller.
pub(super) fn big(mut dice: Dice) -> i128 {
    match dice.below(5) {
        0 => DECIMAL128_MAX,
        1 => 0,
        _ => i128::from(dice.next()) * i128::from(dice.below(1_000_000_000)),
    }
}
