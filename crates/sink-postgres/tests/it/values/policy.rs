//! What becomes of values that PostgreSQL cannot hold.

use std::sync::Arc;

use ampsync_schema::ColumnType;
use arrow_array::builder::{ListBuilder, TimestampSecondBuilder};
use arrow_array::*;
use arrow_schema::{DataType, Field, Fields, Schema};
use sink_postgres::{Error, NulPolicy, RangePolicy, SinkOptions, ValueError};

use super::{choose, refused, stored};
use crate::support::*;

fn strip() -> SinkOptions {
    let mut options = SinkOptions::default();
    options.values.nul = NulPolicy::Strip;
    options
}

fn nulls() -> SinkOptions {
    let mut options = SinkOptions::default();
    options.values.out_of_range = RangePolicy::Null;
    options
}

fn tagged(texts: Vec<&str>) -> ArrayRef {
    let fields = Fields::from(vec![Field::new("tag", DataType::Utf8, true)]);
    Arc::new(StructArray::new(fields, vec![Arc::new(StringArray::from(texts))], None))
}

#[tokio::test]
async fn nul_characters_are_refused_wherever_they_are() {
    let error = refused(StringArray::from(vec!["a\0b"]), SinkOptions::default()).await;
    assert_eq!(error.to_string(), r#"the text "a\0b" holds a NUL character"#);
    let long = format!("{}\0", "x".repeat(1_000));
    let error = refused(StringArray::from(vec![long]), SinkOptions::default()).await;
    let shown = format!("the text \"{}\"… (1001 bytes) holds a NUL character", "x".repeat(80));
    assert_eq!(error.to_string(), shown);
    let error = refused(tagged(vec!["\0"]), SinkOptions::default()).await;
    assert!(matches!(error, ValueError::Nul { .. }), "{error}");
    for text in ["\"a\\u0000\"", "\"a\0\"", "[\0]"] {
        let error = refused(StringArray::from(vec![text]), choose(ColumnType::Jsonb)).await;
        assert!(matches!(error, ValueError::Nul { .. }), "{error}");
    }
}

#[tokio::test]
async fn nul_characters_are_left_out_and_counted_where_that_was_asked_for() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a\0b\0", "\0", "fine"]));
    let tags = tagged(vec!["x\0y", "fine", "\0"]);
    let (rows, counts) = stored(vec![("a", texts), ("b", tags)], strip()).await.unwrap();
    let found: Vec<_> = rows.iter().flatten().flatten().map(String::as_str).collect();
    assert_eq!(
        found,
        ["ab", r#"{"tag": "xy"}"#, "", r#"{"tag": "fine"}"#, "fine", r#"{"tag": ""}"#]
    );
    assert_eq!((counts.stripped(), counts.nulled(), counts.truncated()), (4, 0, 0));
    let mut options = choose(ColumnType::Jsonb);
    options.values.nul = NulPolicy::Strip;
    let json = StringArray::from(vec![r#"{"a\u0000": "\u0000b\\u0000"}"#, "\0[\"\0\"]"]);
    let (rows, counts) = stored(vec![("v", Arc::new(json))], options).await.unwrap();
    assert_eq!(rows[0][0].as_deref(), Some(r#"{"a": "b\\u0000"}"#));
    assert_eq!(rows[1][0].as_deref(), Some(r#"[""]"#));
    assert_eq!(counts.stripped(), 2);
}

#[tokio::test]
async fn two_keys_that_are_equal_without_their_nul_characters_are_refused() {
    let mut maps =
        builder::MapBuilder::new(None, builder::StringBuilder::new(), builder::Int8Builder::new());
    for key in ["a", "a\0"] {
        maps.keys().append_value(key);
        maps.values().append_value(1);
    }
    maps.append(true).unwrap();
    let error = refused(maps.finish(), strip()).await;
    assert_eq!(error.to_string(), "the map has the key \"a\" twice");
}

#[tokio::test]
async fn values_out_of_range_become_null_where_that_was_asked_for() {
    let far = TimestampSecondArray::from(vec![i64::MAX, 0, i64::MIN]);
    let dates = Date32Array::from(vec![i32::MAX, i32::MIN, 0]);
    let columns: Vec<(&str, ArrayRef)> = vec![("at", Arc::new(far)), ("on", Arc::new(dates))];
    let (rows, counts) = stored(columns, nulls()).await.unwrap();
    let found: Vec<_> = rows.iter().flatten().map(Option::as_deref).collect();
    let (zero, day) = (Some("1970-01-01 00:00:00"), Some("1970-01-01"));
    assert_eq!(found, [None, None, zero, None, None, day]);
    assert_eq!((counts.nulled(), counts.stripped()), (4, 0));
    let mut lists = ListBuilder::new(TimestampSecondBuilder::new());
    lists.append_value([Some(0), Some(i64::MAX)]);
    let (rows, counts) = stored(vec![("at", Arc::new(lists.finish()))], nulls()).await.unwrap();
    assert_eq!(rows[0][0].as_deref(), Some(r#"{"1970-01-01 00:00:00",NULL}"#));
    assert_eq!(counts.nulled(), 1);
    let mut options = choose(ColumnType::BigInt);
    options.values = nulls().values;
    let numbers = UInt64Array::from(vec![1 << 63, 1]);
    let (rows, counts) = stored(vec![("v", Arc::new(numbers))], options).await.unwrap();
    assert_eq!(rows, [[None], [Some("1".to_owned())]]);
    assert_eq!(counts.nulled(), 1);
}

#[tokio::test]
async fn what_may_not_be_null_is_an_error_all_the_same() {
    let world = World::new().await;
    let schema = Schema::new(vec![
        Field::new("_block_num", DataType::UInt64, true),
        Field::new("on", DataType::Date32, false),
    ]);
    let mut sink = world.sink().with_options(nulls());
    let start = ready(&mut sink, &plan_of("t", schema.clone())).await;
    for (block, day) in [(0, i32::MAX), (1 << 63, 0)] {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(UInt64Array::from(vec![block])), Arc::new(Date32Array::from(vec![day]))];
        let rows = RecordBatch::try_new(Arc::new(schema.clone()), columns).unwrap();
        let error = undone(&mut sink, &rows, &advance(&start, &[range(0, 1)])).await;
        let Error::Value { source, .. } = error else { panic!("{error}") };
        assert!(matches!(*source, ValueError::OutOfRange { .. }), "{source}");
    }
}

#[tokio::test]
async fn texts_that_are_no_numbers_never_become_null() {
    let mut options = choose(ColumnType::Numeric(None));
    options.values = nulls().values;
    let error = refused(StringArray::from(vec!["abc"]), options).await;
    assert!(matches!(error, ValueError::NotANumber { .. }), "{error}");
}

#[tokio::test]
async fn what_is_cut_off_is_counted() {
    let times = TimestampNanosecondArray::from(vec![1, 1_000, -1]);
    let spans = DurationNanosecondArray::from(vec![-1, 0, 999]);
    let days = Date64Array::from(vec![1, 86_400_000, -1]);
    let columns: Vec<(&str, ArrayRef)> =
        vec![("a", Arc::new(times)), ("b", Arc::new(spans)), ("c", Arc::new(days))];
    let (rows, counts) = stored(columns, SinkOptions::default()).await.unwrap();
    assert_eq!(
        rows[2],
        ["1969-12-31 23:59:59.999999", "00:00:00", "1969-12-31"].map(|v| Some(v.to_owned()))
    );
    assert_eq!(counts.truncated(), 6);
}
