//! Random columns to be encoded.

use std::sync::Arc;

use ampsync_schema::ColumnType;
use arrow_array::builder::{
    FixedSizeBinaryBuilder, ListBuilder, MapBuilder, StringBuilder, UInt64Builder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Decimal256Type, Int32Type, IntervalMonthDayNanoType,
};
use arrow_array::*;
use arrow_buffer::{IntervalMonthDayNano, i256};
use arrow_schema::{DataType, Field};
use fastrand::Rng;

/// A column by itself.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) values: ArrayRef,
    pub(crate) chosen: Option<ColumnType>,
}

fn many<T: ArrowPrimitiveType>(rows: u32, value: impl FnMut() -> T::Native) -> PrimitiveArray<T> {
    PrimitiveArray::from_iter_values(std::iter::repeat_with(value).take(rows.try_into().unwrap()))
}

fn count(rows: u32) -> usize {
    rows.try_into().unwrap()
}

/// Each type of a kind of its own.
pub(crate) fn all(rows: u32) -> Vec<Column> {
    let mut random = Rng::with_seed(1);
    let mut columns = Vec::new();
    let mut add = |name, values: ArrayRef, chosen| columns.push(Column { name, values, chosen });
    let random = &mut random;
    let numbers: ArrayRef = Arc::new(many::<types::UInt64Type>(rows, || random.u64(..)));
    add("boolean", Arc::new(BooleanArray::from(vec![true; count(rows)])), None);
    add("int32", Arc::new(many::<Int32Type>(rows, || random.i32(..))), None);
    add("float64", Arc::new(many::<types::Float64Type>(rows, || random.f64())), None);
    add("uint64", Arc::clone(&numbers), None);
    add("uint64 as text", numbers, Some(ColumnType::Text));
    let decimals = many::<Decimal128Type>(rows, || i128::from(random.i64(..)) << 50);
    let decimals = decimals.with_precision_and_scale(38, 18).unwrap();
    add("decimal128", Arc::new(decimals), None);
    let decimals = many::<Decimal256Type>(rows, || {
        i256::from_parts(random.u128(..), i128::from(random.i64(..)))
    });
    add("decimal256", Arc::new(decimals.with_precision_and_scale(76, 0).unwrap()), None);
    let texts = StringArray::from_iter_values((0..rows).map(|_| random.u128(..).to_string()));
    let texts: ArrayRef = Arc::new(texts);
    add("text", Arc::clone(&texts), None);
    add("text as numeric", Arc::clone(&texts), Some(ColumnType::Numeric(None)));
    add("text as jsonb", texts, Some(ColumnType::Jsonb));
    let hashes = hashes(random, rows, 32, 0);
    add("bytes", Arc::clone(&hashes), None);
    add("bytes as hex", hashes, Some(ColumnType::Hex));
    add("date", Arc::new(many::<types::Date32Type>(rows, || random.i32(0..30_000))), None);
    add(
        "time",
        Arc::new(many::<types::Time64MicrosecondType>(rows, || random.i64(0..1 << 36))),
        None,
    );
    add("timestamp", timestamps(random, rows), None);
    let spans = many::<IntervalMonthDayNanoType>(rows, || {
        IntervalMonthDayNano::new(random.i32(0..99), random.i32(0..99), random.i64(0..1 << 50))
    });
    add("interval", Arc::new(spans), None);
    let keys = many::<Int32Type>(rows, || random.i32(0..3));
    let names = Arc::new(StringArray::from(vec!["a", "dictionary", "of three"]));
    add("dictionary", Arc::new(DictionaryArray::new(keys, names)), None);
    let mut lists = ListBuilder::new(UInt64Builder::new());
    (0..rows).for_each(|_| lists.append_value((0..random.u64(..6)).map(Some)));
    add("list", Arc::new(lists.finish()), None);
    add("struct", records(random, rows), None);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), UInt64Builder::new());
    for _ in 0..rows {
        for key in 0..random.u64(..4) {
            maps.keys().append_value(format!("key {key}"));
            maps.values().append_value(random.u64(..));
        }
        maps.append(true).unwrap();
    }
    add("map", Arc::new(maps.finish()), None);
    columns
}

/// One value in `none_in` is null; none at all if that is zero.
fn hashes(random: &mut Rng, rows: u32, size: i32, none_in: u32) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(count(rows), size);
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    for _ in 0..rows {
        if none_in > 0 && random.u32(..none_in) == 0 {
            builder.append_null();
        } else {
            random.fill(&mut bytes);
            builder.append_value(&bytes).unwrap();
        }
    }
    Arc::new(builder.finish())
}

fn timestamps(random: &mut Rng, rows: u32) -> ArrayRef {
    let seconds =
        many::<types::TimestampNanosecondType>(rows, || random.i64(0..1 << 30) * 1_000_000_000);
    Arc::new(seconds.with_timezone("+00:00"))
}

fn records(random: &mut Rng, rows: u32) -> ArrayRef {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("from", hashes(random, rows, 20, 0)),
        ("value", Arc::new(many::<types::UInt64Type>(rows, || random.u64(..)))),
        (
            "name",
            Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("name {row}")))),
        ),
    ];
    let columns = columns.into_iter().map(|(name, column)| {
        (Arc::new(Field::new(name, column.data_type().clone(), true)), column)
    });
    Arc::new(StructArray::from(columns.collect::<Vec<_>>()))
}

/// The columns of Ethereum's logs.
pub(crate) fn logs(rows: u32) -> Vec<(&'static str, ArrayRef)> {
    let random = &mut Rng::with_seed(2);
    let blocks: ArrayRef =
        Arc::new(UInt64Array::from_iter_values((0..rows).map(|row| u64::from(row / 200))));
    let indexes: ArrayRef = Arc::new(UInt32Array::from_iter_values((0..rows).map(|row| row % 200)));
    let data = (0..rows).map(|_| vec![7; 32 * random.usize(..5)]);
    let data: ArrayRef = Arc::new(BinaryArray::from_iter_values(data));
    assert_eq!(data.data_type(), &DataType::Binary, "as a server sends it");
    vec![
        ("block_hash", hashes(random, rows, 32, 0)),
        ("block_num", blocks),
        ("timestamp", timestamps(random, rows)),
        ("tx_hash", hashes(random, rows, 32, 0)),
        ("tx_index", Arc::clone(&indexes)),
        ("log_index", indexes),
        ("address", hashes(random, rows, 20, 0)),
        ("topic0", hashes(random, rows, 32, 50)),
        ("topic1", hashes(random, rows, 32, 4)),
        ("topic2", hashes(random, rows, 32, 2)),
        ("topic3", hashes(random, rows, 32, 2)),
        ("data", data),
    ]
}
