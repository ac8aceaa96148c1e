//! Ethereum's `transactions`, column by column as a server sends them, lists of structs included.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, ListArray, StructArray, UInt64Array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType::{
    Binary, Boolean, FixedSizeBinary, Int32, List, Struct, UInt32, UInt64, Utf8,
};
use arrow_schema::{Field, FieldRef, Fields, Schema, SchemaRef};

use super::column::{
    Row, big, binaries, blob, bools, decimal, decimals, fixed, fixed_or_null, fixed_values, i32s,
    nullable, numbers, random, required, texts, timestamps, u32s, u64s, u64s_or_null, utc,
};
use crate::dice::Dice;

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required("_block_num", UInt64),
        required("block_hash", FixedSizeBinary(32)),
        required("block_num", UInt64),
        required("timestamp", utc()),
        required("tx_index", UInt32),
        required("tx_hash", FixedSizeBinary(32)),
        nullable("to", FixedSizeBinary(20)),
        required("nonce", UInt64),
        nullable("gas_price", decimal()),
        required("gas_limit", UInt64),
        required("value", Utf8),
        required("input", Binary),
        required("r", FixedSizeBinary(32)),
        required("s", FixedSizeBinary(32)),
        required("v_parity", Boolean),
        nullable("chain_id", UInt64),
        required("gas_used", UInt64),
        required("type", Int32),
        nullable("max_fee_per_gas", decimal()),
        nullable("max_priority_fee_per_gas", decimal()),
        nullable("max_fee_per_blob_gas", decimal()),
        required("from", FixedSizeBinary(20)),
        required("status", Boolean),
        nullable("state_root", FixedSizeBinary(32)),
        nullable("access_list", List(item(Struct(access_fields())))),
        nullable("blob_versioned_hashes", List(item(FixedSizeBinary(32)))),
        nullable("authorization_list", List(item(Struct(authorization_fields())))),
    ]))
}

pub(super) fn columns(rows: &[Row<'_>]) -> Vec<ArrayRef> {
    let fee_or_null = |column| {
        decimals(rows, move |row| (!row.dice(column).one_in(3)).then(|| big(row.dice(column + 50))))
    };
    vec![
        numbers(rows),
        fixed::<32, 32>(rows, |row| row.block.hash.0),
        numbers(rows),
        timestamps(rows),
        u32s(rows, |row| row.index),
        random::<32, 32>(rows, 1),
        fixed_or_null::<20, 20>(rows, |row| {
            let mut dice = row.dice(2);
            (!dice.one_in(6)).then(|| dice.bytes())
        }),
        u64s(rows, |row| row.dice(3).below(1 << 20)),
        fee_or_null(4),
        u64s(rows, |row| 21_000 + row.dice(5).below(1_000_000)),
        texts(rows, |row| uint256(row.dice(6))),
        binaries(rows, |row| blob(row.dice(7), 197)),
        random::<32, 32>(rows, 8),
        random::<32, 32>(rows, 9),
        bools(rows, |row| row.dice(10).one_in(2)),
        u64s_or_null(rows, |row| (!row.dice(11).one_in(4)).then_some(1)),
        u64s(rows, |row| 21_000 + row.dice(12).below(1_000)),
        i32s(rows, |row| i32::try_from(row.dice(13).below(5)).unwrap_or(0)),
        fee_or_null(14),
        fee_or_null(15),
        fee_or_null(16),
        random::<20, 20>(rows, 17),
        bools(rows, |row| !row.dice(18).one_in(10)),
        fixed_or_null::<32, 32>(rows, |row| {
            let mut dice = row.dice(19);
            dice.one_in(5).then(|| dice.bytes())
        }),
        access_lists(rows),
        blob_hashes(rows),
        authorization_lists(rows),
    ]
}

/// A 256-bit number in decimal digits: one time in four zero, one time in four the largest.
pub(super) fn uint256(mut dice: Dice) -> String {
    match dice.below(4) {
        0 => "0".to_owned(),
        1 => "115792089237316195423570985008687907853269984665640564039457584007913129639935"
            .to_owned(),
        _ => format!("{}{:018}", dice.next(), dice.below(1_000_000_000_000_000_000)),
    }
}

fn item(data_type: arrow_schema::DataType) -> FieldRef {
    Arc::new(required("item", data_type))
}

fn access_fields() -> Fields {
    let keys = List(item(FixedSizeBinary(32)));
    Fields::from(vec![required("address", FixedSizeBinary(20)), required("storage_keys", keys)])
}

fn authorization_fields() -> Fields {
    Fields::from(vec![
        required("chain_id", UInt64),
        required("address", FixedSizeBinary(20)),
        required("nonce", UInt64),
        required("y_parity", Boolean),
        required("r", FixedSizeBinary(32)),
        required("s", FixedSizeBinary(32)),
    ])
}

/// The lengths of a nullable list column, one time in three null, and the dice of every item.
struct Items {
    lengths: Vec<Option<usize>>,
    dice: Vec<Dice>,
}

impl Items {
    fn new(rows: &[Row<'_>], column: u64) -> Self {
        let mut dice = Vec::new();
        let mut length = |row: &Row<'_>| {
            let mut thrown = row.dice(column);
            (!thrown.one_in(3)).then(|| {
                let length = thrown.below(4);
                dice.extend((0..length).map(|item| Dice::new(thrown.next(), item)));
                usize::try_from(length).unwrap_or(0)
            })
        };
        Self { lengths: rows.iter().map(&mut length).collect(), dice }
    }

    fn list(&self, field: Field, values: ArrayRef) -> ArrayRef {
        let valid: NullBuffer = self.lengths.iter().map(Option::is_some).collect();
        let offsets = OffsetBuffer::from_lengths(self.lengths.iter().map(|n| n.unwrap_or(0)));
        Arc::new(ListArray::new(Arc::new(field), offsets, values, Some(valid)))
    }

    fn fixed<const N: i32, const BYTES: usize>(&self, lane: u64) -> ArrayRef {
        fixed_values::<N, BYTES>(self.numbers(lane).map(|number| Dice::new(number, lane).bytes()))
    }

    fn numbers(&self, lane: u64) -> impl Iterator<Item = u64> {
        self.dice.iter().map(move |dice| Dice::new(dice.clone().next(), lane).next())
    }
}

fn access_lists(rows: &[Row<'_>]) -> ArrayRef {
    let items = Items::new(rows, 20);
    let lengths: Vec<u64> = items.numbers(1).map(|number| number % 3).collect();
    let keys =
        fixed_values::<32, 32>(items.dice.iter().zip(&lengths).flat_map(|(dice, length)| {
            let seed = dice.clone().next();
            (0..*length).map(move |key| Dice::new(seed, 100 + key).bytes())
        }));
    let lengths = lengths.iter().map(|length| usize::try_from(*length).unwrap_or(0));
    let keys =
        ListArray::new(item(FixedSizeBinary(32)), OffsetBuffer::from_lengths(lengths), keys, None);
    let columns: Vec<ArrayRef> = vec![items.fixed::<20, 20>(3), Arc::new(keys)];
    let values = StructArray::new(access_fields(), columns, None);
    items.list(required("item", Struct(access_fields())), Arc::new(values))
}

fn blob_hashes(rows: &[Row<'_>]) -> ArrayRef {
    let items = Items::new(rows, 21);
    items.list(required("item", FixedSizeBinary(32)), items.fixed::<32, 32>(1))
}

fn authorization_lists(rows: &[Row<'_>]) -> ArrayRef {
    let items = Items::new(rows, 22);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values(items.numbers(1).map(|number| number % 3))),
        items.fixed::<20, 20>(2),
        Arc::new(UInt64Array::from_iter_values(items.numbers(3))),
        Arc::new(items.numbers(4).map(|number| Some(number % 2 == 1)).collect::<BooleanArray>()),
        items.fixed::<32, 32>(5),
        items.fixed::<32, 32>(6),
    ];
    let values = StructArray::new(authorization_fields(), columns, None);
    items.list(required("item", Struct(authorization_fields())), Arc::new(values))
}
