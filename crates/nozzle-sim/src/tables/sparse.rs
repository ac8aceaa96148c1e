//! A made-up table whose blocks mostly have no rows, with the types that Ethereum's tables lack.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal256Array, DictionaryArray, Int32Array, StringArray, StringViewArray,
};
use arrow_buffer::i256;
use arrow_schema::DataType::{
    Decimal256, Dictionary, FixedSizeBinary, Int32, UInt64, Utf8, Utf8View,
};
use arrow_schema::{Schema, SchemaRef};

use super::column::{Row, fixed, nullable, numbers, required, texts};
use super::transactions::uint256;

/// What a note may say. One list for all batches: a server cannot replace a dictionary.
const NOTES: [&str; 6] =
    ["", "plain", "Grüße, Ωμέγα, 区块 🧱", "tab\tnewline\nquote\"'\\", "\u{feff}e\u{301}", "NULL"];

pub(super) fn schema(dictionary: bool) -> SchemaRef {
    let note = if dictionary { Dictionary(Box::new(Int32), Box::new(Utf8)) } else { Utf8 };
    Arc::new(Schema::new(vec![
        required("_block_num", UInt64),
        required("block_num", UInt64),
        required("block_hash", FixedSizeBinary(32)),
        required("value", Decimal256(76, 0)),
        required("amount", Utf8),
        nullable("label", Utf8View),
        nullable("note", note),
    ]))
}

pub(super) fn columns(rows: &[Row<'_>], dictionary: bool) -> Vec<ArrayRef> {
    vec![
        numbers(rows),
        numbers(rows),
        fixed::<32, 32>(rows, |row| row.block.hash.0),
        values(rows),
        texts(rows, |row| uint256(row.dice(2))),
        labels(rows),
        notes(rows, dictionary),
    ]
}

/// One time in three the largest number of 76 digits, once the smallest, else anything.
fn values(rows: &[Row<'_>]) -> ArrayRef {
    let largest = i256::from_parts(u128::MAX, i128::MAX / 2);
    let nines = i256::from_string(&"9".repeat(76)).unwrap_or(largest);
    let values = rows.iter().map(|row| {
        let mut dice = row.dice(1);
        match dice.below(3) {
            0 => nines,
            1 => nines.wrapping_neg(),
            _ => i256::from_parts(u128::from(dice.next()), i128::from(dice.below(1 << 60))),
        }
    });
    Arc::new(Decimal256Array::from_iter_values(values).with_data_type(Decimal256(76, 0)))
}

fn labels(rows: &[Row<'_>]) -> ArrayRef {
    let labels = rows.iter().map(|row| {
        let mut dice = row.dice(3);
        (!dice.one_in(3)).then(|| format!("label {}", dice.below(u64::MAX)))
    });
    Arc::new(labels.collect::<StringViewArray>())
}

fn notes(rows: &[Row<'_>], dictionary: bool) -> ArrayRef {
    let keys: Int32Array = rows
        .iter()
        .map(|row| {
            let mut dice = row.dice(4);
            let key = dice.below(6);
            (!dice.one_in(4)).then(|| i32::try_from(key).unwrap_or(0))
        })
        .collect();
    if dictionary {
        let values = Arc::new(StringArray::from_iter_values(NOTES));
        return Arc::new(DictionaryArray::<Int32Type>::new(keys, values));
    }
    let note = |key: Option<i32>| NOTES.get(usize::try_from(key?).ok()?).copied();
    Arc::new(keys.iter().map(note).collect::<StringArray>())
}
