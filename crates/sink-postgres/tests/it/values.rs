//! Every type, read back as PostgreSQL writes it.

use std::sync::Arc;

use ampsync_testkit::verify;
use arrow_array::builder::{
    FixedSizeBinaryBuilder, ListBuilder, StringDictionaryBuilder, UInt64Builder,
};
use arrow_array::types::{Int8Type, UInt64Type};
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer, i256};
use arrow_schema::{DataType, Field, Fields};

use crate::support::*;

/// Writes `columns` and returns what PostgreSQL says each of them holds, row by row.
async fn written(columns: Vec<(&str, ArrayRef)>) -> Vec<Vec<Option<String>>> {
    let world = World::new().await;
    let count = columns[0].1.len();
    let names: Vec<_> = columns.iter().map(|(name, _)| format!("\"{name}\"::text")).collect();
    let blocks: Vec<_> = (0..).take(count).collect();
    let rows = batch(&blocks, columns);
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan_of("t", rows.schema().as_ref().clone())).await;
    let after = advance(&start, &[range(0, 9)]);
    commit(&mut sink, &[], &[rows], &after).await.unwrap();
    world.texts(&format!("SELECT {} FROM t ORDER BY _block_num", names.join(", "))).await
}

/// Each column with the texts it must have.
async fn check(columns: Vec<(&str, ArrayRef, &[Option<&str>])>) {
    let arrays = columns.iter().map(|(name, array, _)| (*name, Arc::clone(array))).collect();
    let rows = written(arrays).await;
    for (index, (name, _, expected)) in columns.iter().enumerate() {
        let found: Vec<_> = rows.iter().map(|row| row[index].as_deref()).collect();
        assert_eq!(found, *expected, "column {name}");
    }
}

#[tokio::test]
async fn numbers() {
    check(vec![
        (
            "bool",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            &[Some("true"), Some("false"), None],
        ),
        (
            "i8",
            Arc::new(Int8Array::from(vec![Some(i8::MIN), Some(i8::MAX), None])),
            &[Some("-128"), Some("127"), None],
        ),
        (
            "u8",
            Arc::new(UInt8Array::from(vec![Some(0), Some(u8::MAX), None])),
            &[Some("0"), Some("255"), None],
        ),
        (
            "u16",
            Arc::new(UInt16Array::from(vec![Some(0), Some(u16::MAX), None])),
            &[Some("0"), Some("65535"), None],
        ),
        (
            "i64",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None])),
            &[Some("-9223372036854775808"), Some("9223372036854775807"), None],
        ),
        (
            "u32",
            Arc::new(UInt32Array::from(vec![Some(0), Some(u32::MAX), None])),
            &[Some("0"), Some("4294967295"), None],
        ),
        (
            "u64",
            Arc::new(UInt64Array::from(vec![Some(0), Some(u64::MAX), None])),
            &[Some("0"), Some("18446744073709551615"), None],
        ),
        (
            "block_num",
            Arc::new(UInt64Array::from(vec![Some(0), Some(1 << 62), None])),
            &[Some("0"), Some("4611686018427387904"), None],
        ),
        (
            "f32",
            Arc::new(Float32Array::from(vec![Some(1.5), Some(f32::NAN), None])),
            &[Some("1.5"), Some("NaN"), None],
        ),
        (
            "f64",
            Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NEG_INFINITY), None])),
            &[Some("0.1"), Some("-Infinity"), None],
        ),
    ])
    .await;
}

#[tokio::test]
async fn decimals() {
    let d128 = |values: [i128; 2], precision, scale| -> ArrayRef {
        let values = [Some(values[0]), Some(values[1]), None];
        let array: Decimal128Array = values.into_iter().collect();
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let d256 = |values: [i256; 2], precision, scale| -> ArrayRef {
        let values = [Some(values[0]), Some(values[1]), None];
        let array: Decimal256Array = values.into_iter().collect();
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let max = i256::from_string(&"9".repeat(76)).unwrap();
    let nines = "9".repeat(76);
    let negative = format!("-{}.{}", "9".repeat(38), "9".repeat(38));
    let small = format!("0.{}1", "0".repeat(75));
    check(vec![
        (
            "whole",
            d128([1, -99_999_999_999_999_999_999_999_999_999_999_999_999], 38, 0),
            &[Some("1"), Some("-99999999999999999999999999999999999999"), None],
        ),
        ("parts", d128([100_000_001, -5], 20, 8), &[Some("1.00000001"), Some("-0.00000005"), None]),
        ("thousands", d128([12, 0], 5, -3), &[Some("12000"), Some("0"), None]),
        ("wide", d256([max, i256::ZERO], 76, 0), &[Some(nines.as_str()), Some("0"), None]),
        (
            "wide_parts",
            d256([-max, i256::ONE], 76, 38),
            &[Some(negative.as_str()), Some("0.00000000000000000000000000000000000001"), None],
        ),
        (
            "wide_tiny",
            d256([i256::ONE, i256::ZERO], 76, 76),
            &[Some(small.as_str()), Some(format!("0.{}", "0".repeat(76)).as_str()), None],
        ),
        (
            "wide_thousands",
            d256([i256::from(-12), i256::from(10_000)], 76, -5),
            &[Some("-1200000"), Some("1000000000"), None],
        ),
    ])
    .await;
}

#[tokio::test]
async fn random_wide_decimals_keep_every_digit() {
    let mut random = fastrand::Rng::with_seed(76);
    let max = i256::from_string(&"9".repeat(76)).unwrap();
    for scale in [0, 1, 2, 3, 5, 18, 75, -1, -2, -7] {
        let values: Vec<_> = (0..200)
            .map(|_| {
                let shift = random.u8(..=250);
                let value = i256::from_parts(random.u128(..), random.i128(..)) >> shift;
                value.wrapping_rem(max)
            })
            .collect();
        let array: Decimal256Array = values.into_iter().map(Some).collect();
        let array = array.with_precision_and_scale(76, scale).unwrap();
        let found = written(vec![("wide", Arc::new(array.clone()))]).await;
        for (row, found) in found.iter().enumerate() {
            assert_eq!(found[0], Some(array.value_as_string(row)), "scale {scale}, row {row}");
        }
    }
}

#[tokio::test]
async fn text_and_bytes() {
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    dictionary.extend([Some("a"), None, Some("a")]);
    let long = "ä long text that does not fit a view";
    let texts = [Some(""), Some(long), None];
    let bytes: [Option<&[u8]>; 3] = [Some(b""), Some(b"\0\xff a long value of bytes"), None];
    let hex = Some("\\x00ff2061206c6f6e672076616c7565206f66206279746573");
    let fixed = [Some([0_u8, 255]), Some([1, 2]), None];
    check(vec![
        ("utf8", Arc::new(StringArray::from(texts.to_vec())), &[Some(""), Some(long), None]),
        ("large", Arc::new(LargeStringArray::from(texts.to_vec())), &[Some(""), Some(long), None]),
        ("view", Arc::new(StringViewArray::from(texts.to_vec())), &[Some(""), Some(long), None]),
        ("dictionary", Arc::new(dictionary.finish()), &[Some("a"), None, Some("a")]),
        ("null", Arc::new(NullArray::new(3)), &[None, None, None]),
        ("binary", Arc::new(BinaryArray::from(bytes.to_vec())), &[Some("\\x"), hex, None]),
        (
            "large_binary",
            Arc::new(LargeBinaryArray::from(bytes.to_vec())),
            &[Some("\\x"), hex, None],
        ),
        ("binary_view", Arc::new(BinaryViewArray::from(bytes.to_vec())), &[Some("\\x"), hex, None]),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed.into_iter(), 2).unwrap(),
            ),
            &[Some("\\x00ff"), Some("\\x0102"), None],
        ),
    ])
    .await;
}

#[tokio::test]
async fn dates_and_times() {
    let nanos = [Some(1_655_778_500_123_456_789), Some(-1), None];
    check(vec![
        (
            "date32",
            Arc::new(Date32Array::from(vec![Some(0), Some(-719_162), None])),
            &[Some("1970-01-01"), Some("0001-01-01"), None],
        ),
        (
            "date64",
            Arc::new(Date64Array::from(vec![Some(86_400_000), Some(-1), None])),
            &[Some("1970-01-02"), Some("1969-12-31"), None],
        ),
        (
            "time32s",
            Arc::new(Time32SecondArray::from(vec![Some(0), Some(86_399), None])),
            &[Some("00:00:00"), Some("23:59:59"), None],
        ),
        (
            "time32ms",
            Arc::new(Time32MillisecondArray::from(vec![Some(1), Some(2), None])),
            &[Some("00:00:00.001"), Some("00:00:00.002"), None],
        ),
        (
            "time64us",
            Arc::new(Time64MicrosecondArray::from(vec![Some(1), Some(2), None])),
            &[Some("00:00:00.000001"), Some("00:00:00.000002"), None],
        ),
        (
            "time64ns",
            Arc::new(Time64NanosecondArray::from(vec![Some(1_999), Some(2), None])),
            &[Some("00:00:00.000001"), Some("00:00:00"), None],
        ),
        (
            "s",
            Arc::new(TimestampSecondArray::from(vec![Some(0), Some(-1), None])),
            &[Some("1970-01-01 00:00:00"), Some("1969-12-31 23:59:59"), None],
        ),
        (
            "ms",
            Arc::new(TimestampMillisecondArray::from(vec![Some(1), Some(-1), None])),
            &[Some("1970-01-01 00:00:00.001"), Some("1969-12-31 23:59:59.999"), None],
        ),
        (
            "us",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1), Some(-1), None])),
            &[Some("1970-01-01 00:00:00.000001"), Some("1969-12-31 23:59:59.999999"), None],
        ),
        (
            "ns",
            Arc::new(TimestampNanosecondArray::from(nanos.to_vec())),
            &[Some("2022-06-21 02:28:20.123456"), Some("1969-12-31 23:59:59.999999"), None],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_zoned_timestamp_is_the_same_instant_in_every_session() {
    let world = World::new().await;
    let array = TimestampNanosecondArray::from(vec![1_655_778_500_000_000_000]);
    let rows = batch(&[0], vec![("at", Arc::new(array.with_timezone("+00:00")))]);
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan_of("t", rows.schema().as_ref().clone())).await;
    commit(&mut sink, &[], &[rows], &advance(&start, &[range(0, 0)])).await.unwrap();
    world.session.batch_execute("SET timezone = 'Asia/Tokyo'").await.unwrap();
    let found = world.texts("SELECT at::text FROM t").await;
    assert_eq!(found, [[Some("2022-06-21 11:28:20+09".to_owned())]]);
}

#[tokio::test]
async fn lists_of_scalars_are_arrays() {
    let mut hashes = ListBuilder::new(FixedSizeBinaryBuilder::new(2));
    hashes.values().append_value([1, 2]).unwrap();
    hashes.values().append_null();
    hashes.append(true);
    hashes.append(true);
    hashes.append(false);
    let mut numbers = ListBuilder::new(UInt64Builder::new());
    numbers.append_value([Some(u64::MAX), None]);
    numbers.append_value([]);
    numbers.append_null();
    let times = TimestampSecondArray::from(vec![0, 1, 2]).with_timezone("UTC");
    let item = Arc::new(Field::new("item", times.data_type().clone(), true));
    let times = LargeListArray::new(
        item,
        OffsetBuffer::from_lengths([1, 1, 1]),
        Arc::new(times),
        Some(NullBuffer::from(vec![true, true, false])),
    );
    let pairs = FixedSizeListArray::from_iter_primitive::<UInt64Type, _, _>(
        [Some([Some(1), Some(2)]), Some([None, Some(3)]), None],
        2,
    );
    check(vec![
        ("hashes", Arc::new(hashes.finish()), &[Some(r#"{"\\x0102",NULL}"#), Some("{}"), None]),
        (
            "numbers",
            Arc::new(numbers.finish()),
            &[Some("{18446744073709551615,NULL}"), Some("{}"), None],
        ),
        (
            "times",
            Arc::new(times),
            &[Some(r#"{"1970-01-01 00:00:00+00"}"#), Some(r#"{"1970-01-01 00:00:01+00"}"#), None],
        ),
        ("pairs", Arc::new(pairs), &[Some("{1,2}"), Some("{NULL,3}"), None]),
    ])
    .await;
}

#[tokio::test]
async fn nested_values_are_json_with_exact_numbers() {
    let fields = Fields::from(vec![
        Field::new("address", DataType::FixedSizeBinary(2), false),
        Field::new("nonce", DataType::UInt64, true),
        Field::new("a \"b\"\n", DataType::Utf8, true),
        Field::new("half", DataType::Float64, true),
    ]);
    let addresses =
        FixedSizeBinaryArray::try_from_iter([[0xab_u8, 1], [0, 0]].into_iter()).unwrap();
    let records = StructArray::new(
        fields.clone(),
        vec![
            Arc::new(addresses),
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])),
            Arc::new(StringArray::from(vec!["tab\t\\ \"q\" ü", ""])),
            Arc::new(Float64Array::from(vec![0.1, f64::NAN])),
        ],
        None,
    );
    let item = Arc::new(Field::new("item", DataType::Struct(fields), true));
    let list =
        ListArray::new(item, OffsetBuffer::from_lengths([2, 0]), Arc::new(records.clone()), None);
    // JSONB orders keys by their length.
    let first = concat!(
        r#"{"half": 0.1, "nonce": 18446744073709551615, "#,
        r#""a \"b\"\n": "tab\t\\ \"q\" ü", "address": "0xab01"}"#
    );
    let second = r#"{"half": "NaN", "nonce": null, "a \"b\"\n": "", "address": "0x0000"}"#;
    let both = format!("[{first}, {second}]");
    check(vec![
        ("record", Arc::new(records), &[Some(first), Some(second)]),
        ("list", Arc::new(list), &[Some(both.as_str()), Some("[]")]),
    ])
    .await;
}

#[tokio::test]
async fn a_slice_of_a_batch_writes_its_own_rows_only() {
    let world = World::new().await;
    let mut lists = ListBuilder::new(UInt64Builder::new());
    (0..10_u64).for_each(|n| lists.append_value((0..n).map(Some)));
    let blocks: Vec<_> = (0..10).collect();
    let texts: Vec<_> = blocks.iter().map(u64::to_string).collect();
    let lists: ArrayRef = Arc::new(lists.finish());
    let whole =
        batch(&blocks, vec![("lists", lists), ("texts", Arc::new(StringArray::from(texts)))]);
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan_of("t", whole.schema().as_ref().clone())).await;
    let slices = [whole.slice(3, 2), whole.slice(9, 1), whole.slice(0, 0)];
    commit(&mut sink, &[], &slices, &advance(&start, &[range(0, 9)])).await.unwrap();
    let verdict = verify::table(&world.session, "public", "t", &slices).await.unwrap();
    assert_eq!(verdict.expect_equal(), 3);
}

/// Some bytes of each row's own.
fn bytes(random: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

/// The types that the tables of an Ethereum dataset have, with random values.
fn ethereum(random: &mut fastrand::Rng, blocks: &[u64]) -> RecordBatch {
    let count = blocks.len();
    let fixed = |random: &mut fastrand::Rng, length: i32| -> ArrayRef {
        let size = usize::try_from(length).unwrap();
        let values = (0..count).map(|_| random.bool().then(|| bytes(random, size)));
        let values: Vec<_> = values.collect();
        let array =
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), length);
        Arc::new(array.unwrap())
    };
    let fees: Decimal128Array =
        (0..count).map(|_| random.bool().then(|| i128::from(random.u64(..)) << 60)).collect();
    let data: Vec<_> = (0..count).map(|_| random.usize(..300)).collect();
    let data: Vec<_> = data.into_iter().map(|length| bytes(random, length)).collect();
    let times: TimestampNanosecondArray =
        blocks.iter().map(|block| Some(i64::try_from(*block).unwrap() * 12_000_000_000)).collect();
    let mut hashes = ListBuilder::new(FixedSizeBinaryBuilder::new(32));
    for _ in 0..count {
        (0..random.usize(..3)).for_each(|_| {
            hashes.values().append_value(bytes(random, 32)).unwrap();
        });
        hashes.append(random.bool());
    }
    let value: Vec<_> = (0..count).map(|_| random.u128(..).to_string()).collect();
    batch(
        blocks,
        vec![
            ("block_num", Arc::new(UInt64Array::from(blocks.to_vec()))),
            ("timestamp", Arc::new(times.with_timezone("+00:00"))),
            ("hash", fixed(random, 32)),
            ("from", fixed(random, 20)),
            ("nonce", Arc::new(UInt64Array::from_iter_values((0..count).map(|_| random.u64(..))))),
            ("index", Arc::new(UInt32Array::from_iter_values((0..count).map(|_| random.u32(..))))),
            ("type", Arc::new(Int32Array::from_iter_values((0..count).map(|_| random.i32(..))))),
            ("status", Arc::new(BooleanArray::from_iter((0..count).map(|_| Some(random.bool()))))),
            ("fee", Arc::new(fees.with_precision_and_scale(38, 0).unwrap())),
            ("value", Arc::new(StringArray::from(value))),
            ("input", Arc::new(BinaryArray::from_iter_values(data))),
            ("blob_versioned_hashes", Arc::new(hashes.finish())),
            ("access_list", access_lists(random, count)),
        ],
    )
}

fn access_lists(random: &mut fastrand::Rng, count: usize) -> ArrayRef {
    let mut keys = ListBuilder::new(FixedSizeBinaryBuilder::new(32));
    let mut addresses = FixedSizeBinaryBuilder::new(20);
    let lengths: Vec<_> = (0..count).map(|_| random.usize(..3)).collect();
    for _ in 0..lengths.iter().sum() {
        addresses.append_value(bytes(random, 20)).unwrap();
        (0..random.usize(..3)).for_each(|_| {
            keys.values().append_value(bytes(random, 32)).unwrap();
        });
        keys.append(true);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(addresses.finish()), Arc::new(keys.finish())];
    let fields: Fields = ["address", "storage_keys"]
        .iter()
        .zip(&columns)
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), false))
        .collect();
    let item = Arc::new(Field::new("item", DataType::Struct(fields.clone()), false));
    let records = StructArray::new(fields, columns, None);
    let nulls = NullBuffer::from_iter((0..count).map(|_| random.bool()));
    Arc::new(ListArray::new(
        item,
        OffsetBuffer::from_lengths(lengths),
        Arc::new(records),
        Some(nulls),
    ))
}

#[tokio::test]
async fn tables_of_an_ethereum_dataset_are_stored_without_loss() {
    let mut random = fastrand::Rng::with_seed(1);
    let world = World::new().await;
    let blocks: Vec<_> = (0..500).collect();
    let batches = [ethereum(&mut random, &blocks[..300]), ethereum(&mut random, &blocks[300..])];
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan_of("t", batches[0].schema().as_ref().clone())).await;
    commit(&mut sink, &[], &batches, &advance(&start, &[range(0, 499)])).await.unwrap();
    let verdict = verify::table(&world.session, "public", "t", &batches).await.unwrap();
    assert_eq!(verdict.expect_equal(), 500);
}
