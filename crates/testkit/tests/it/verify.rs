use std::sync::Arc;

use ampsync_testkit::postgres::{Session, shared};
use ampsync_testkit::verify::{self, Difference, Verdict, VerifyError};
use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, ListBuilder, MapBuilder, StringBuilder,
};
use arrow_array::types::Int8Type;
use arrow_array::*;
use arrow_buffer::{IntervalDayTime, IntervalMonthDayNano, i256};
use arrow_schema::{DataType, Field, Fields};

async fn database(ddl: &str) -> Session {
    let cluster = shared().await;
    let database = cluster.create_database().await.unwrap();
    let session = cluster.connect(&database).await.unwrap();
    session.batch_execute(ddl).await.unwrap();
    session
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn numbered(blocks: &[u64], texts: &[&str]) -> RecordBatch {
    let blocks: ArrayRef = Arc::new(UInt64Array::from(blocks.to_vec()));
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    batch(vec![("_block_num", blocks), ("v", texts)])
}

async fn difference(insert: &str, batches: &[RecordBatch]) -> Difference {
    let session = database("CREATE TABLE t (_block_num bigint, v text)").await;
    session.batch_execute(&format!("INSERT INTO t VALUES {insert}")).await.unwrap();
    match verify::table(&session, "public", "t", batches).await.unwrap() {
        Verdict::Equal { .. } => panic!("found equal"),
        Verdict::Different(difference) => *difference,
    }
}

#[tokio::test]
async fn rows_are_equal_in_any_order_and_any_batches() {
    let session = database("CREATE TABLE t (v text, _block_num bigint, extra int DEFAULT 1)").await;
    let insert = "INSERT INTO t (v, _block_num) VALUES ('b', 2), ('a', 1), ('a', 1)";
    session.batch_execute(insert).await.unwrap();
    let whole = [numbered(&[1, 1, 2], &["a", "a", "b"])];
    let parts = [numbered(&[1], &["a"]), numbered(&[2, 1], &["b", "a"])];
    let whole = verify::table(&session, "public", "t", &whole).await.unwrap();
    let parts = verify::table(&session, "public", "t", &parts).await.unwrap();
    assert_eq!(whole, parts);
    assert_eq!(whole.expect_equal(), 3);
}

#[tokio::test]
async fn a_missing_row_is_found() {
    let found = difference("(1, 'a')", &[numbered(&[1, 2], &["a", "b"])]).await;
    assert_eq!((found.expected, found.found), (2, 1));
    let block = &found.blocks[&Some(2)];
    assert_eq!((block.missing, block.unexpected, block.doubled), (1, 0, 0));
    assert!(found.to_string().contains("missing: _block_num=2, v=b"), "{found}");
}

#[tokio::test]
async fn a_doubled_row_is_found() {
    let found = difference("(1, 'a'), (1, 'a')", &[numbered(&[1], &["a"])]).await;
    let block = &found.blocks[&Some(1)];
    assert_eq!((block.missing, block.unexpected, block.doubled), (0, 0, 1));
    assert!(found.to_string().contains("doubled: _block_num=1, v=a"), "{found}");
}

#[tokio::test]
async fn an_altered_row_is_missing_and_unexpected() {
    let found = difference("(1, 'a'), (2, NULL)", &[numbered(&[1, 2], &["a", "b"])]).await;
    let block = &found.blocks[&Some(2)];
    assert_eq!((block.missing, block.unexpected, block.doubled), (1, 1, 0));
    assert_eq!(found.blocks.len(), 1);
    assert!(found.to_string().contains("unexpected: _block_num=2, v is null"), "{found}");
}

#[tokio::test]
async fn a_table_that_should_be_empty_is_not() {
    let found = difference("(1, 'a')", &[]).await;
    assert_eq!((found.expected, found.found), (0, 1));
}

#[tokio::test]
async fn a_column_that_is_not_there_is_an_error() {
    let session = database("CREATE TABLE t (_block_num bigint)").await;
    let compared = verify::table(&session, "public", "t", &[numbered(&[1], &["a"])]).await;
    let error = compared.unwrap_err();
    assert!(matches!(error, VerifyError::NoColumn { column, .. } if column == "v"));
}

/// Compares one column with what PostgreSQL makes of literals: equal as they are, and different
/// with the first two exchanged.
async fn check(sql: &str, literals: &[&str], array: impl Array + 'static) {
    let session = database(&format!("CREATE TABLE t (n int, v {sql})")).await;
    let rows: Vec<String> =
        literals.iter().enumerate().map(|(n, literal)| format!("({n}, {literal})")).collect();
    let insert = format!("INSERT INTO t VALUES {}", rows.join(", "));
    session.batch_execute(&insert).await.unwrap();
    let array: ArrayRef = Arc::new(array);
    let numbers = |numbers: Vec<i32>| -> ArrayRef { Arc::new(Int32Array::from(numbers)) };
    let right =
        batch(vec![("n", numbers((0..).take(array.len()).collect())), ("v", Arc::clone(&array))]);
    let verdict = verify::table(&session, "public", "t", &[right]).await.unwrap();
    assert_eq!(verdict.expect_equal(), u64::try_from(literals.len()).unwrap(), "{sql}");
    let mut swapped: Vec<i32> = (0..).take(array.len()).collect();
    swapped.swap(0, 1);
    let wrong = batch(vec![("n", numbers(swapped)), ("v", array)]);
    let verdict = verify::table(&session, "public", "t", &[wrong]).await.unwrap();
    assert!(matches!(verdict, Verdict::Different(_)), "{sql} does not tell values apart");
}

#[tokio::test]
async fn numbers_are_compared_exactly() {
    check(
        "numeric(20)",
        &["18446744073709551615", "0", "NULL"],
        UInt64Array::from(vec![Some(u64::MAX), Some(0), None]),
    )
    .await;
    let decimals =
        Decimal128Array::from(vec![-5, 1_200, 0]).with_precision_and_scale(10, 3).unwrap();
    check("numeric(10,3)", &["-0.005", "1.2", "0"], decimals).await;
    let decimals = Decimal128Array::from(vec![-5, 12]).with_precision_and_scale(10, -3).unwrap();
    check("numeric", &["-5000", "12000"], decimals).await;
    let max = i256::from_string(&"9".repeat(76)).unwrap();
    let decimals =
        Decimal256Array::from(vec![max, i256::MINUS_ONE]).with_precision_and_scale(76, 76).unwrap();
    check("numeric(76,76)", &[&format!("0.{}", "9".repeat(76)), "-1e-76"], decimals).await;
    check("real", &["'NaN'", "1e20", "-0.1"], Float32Array::from(vec![f32::NAN, 1e20, -0.1])).await;
    let doubles = Float64Array::from(vec![f64::INFINITY, 1e-300, -0.0, 123_456_789.125, 5e-324]);
    check("float8", &["'Infinity'", "1e-300", "'-0'", "123456789.125", "5e-324"], doubles).await;
}

#[tokio::test]
async fn texts_and_bytes_are_compared_exactly() {
    check(
        "boolean",
        &["true", "false", "NULL"],
        BooleanArray::from(vec![Some(true), Some(false), None]),
    )
    .await;
    check(
        "text",
        &["''", "'é\n\"'", "NULL"],
        StringViewArray::from(vec![Some(""), Some("é\n\""), None]),
    )
    .await;
    let bytes = || BinaryArray::from(vec![&b"\x00\xff"[..], b""]);
    check("bytea", &["'\\x00ff'", "''"], bytes()).await;
    check("text", &["'0x00ff'", "'0x'"], bytes()).await;
    let dictionary: DictionaryArray<Int8Type> = vec!["a", "b", "a"].into_iter().collect();
    check("text", &["'a'", "'b'", "'a'"], dictionary).await;
    let runs = Int16Array::from(vec![1, 3]);
    let runs = RunArray::try_new(&runs, &StringArray::from(vec!["a", "b"])).unwrap();
    check("text", &["'a'", "'b'", "'b'"], runs).await;
}

#[tokio::test]
async fn dates_and_times_are_compared_to_the_microsecond() {
    let days = [0, -1, 11_016, -719_163, 2_932_897, -800_000];
    let literals = [
        "'1970-01-01'",
        "'1969-12-31'",
        "'2000-02-29'",
        "'0001-12-31 BC'",
        "'10000-01-01'",
        "date '1970-01-01' - 800000",
    ];
    check("date", &literals, Date32Array::from(days.to_vec())).await;
    let millis: Vec<i64> = days.iter().map(|day| i64::from(*day) * 86_400_000).collect();
    check("date", &literals, Date64Array::from(millis)).await;
    let times = Time64NanosecondArray::from(vec![0, 86_399_999_999_999, 1_500_000_999]);
    check("time", &["'0:00'", "'23:59:59.999999'", "'00:00:01.5'"], times).await;
    check("time", &["'0:00:01'", "'12:00'"], Time32SecondArray::from(vec![1, 43_200])).await;
    let nanos = vec![Some(1_655_778_500_123_456_789), Some(-1), None];
    let literals = ["'2022-06-21 04:28:20.123456+02'", "'1969-12-31 23:59:59.999999+00'", "NULL"];
    let instants = TimestampNanosecondArray::from(nanos).with_timezone("+00:00");
    check("timestamptz", &literals, instants).await;
    let seconds = TimestampSecondArray::from(vec![-62_135_596_801, 253_402_300_800]);
    check("timestamp", &["'0001-12-31 23:59:59 BC'", "'10000-01-01'"], seconds).await;
}

#[tokio::test]
async fn intervals_are_compared_in_all_their_parts() {
    let literals = [
        "'0'",
        "'1 year 1 mon'",
        "'-1 mon 3 days'",
        "'-14 mons -2 days'",
        "'50:00:00.5'",
        "'-1 days 00:00:01'",
        "'1 day -00:00:01.25'",
    ];
    let parts = [
        (0, 0, 0),
        (13, 0, 0),
        (-1, 3, 0),
        (-14, -2, 0),
        (0, 0, 180_000_500_000_000),
        (0, -1, 1_000_000_000),
        (0, 1, -1_250_000_000),
    ];
    let values = parts.map(|(months, days, nanos)| IntervalMonthDayNano::new(months, days, nanos));
    check("interval", &literals, IntervalMonthDayNanoArray::from(values.to_vec())).await;
    let values = vec![IntervalDayTime::new(2, 1_500), IntervalDayTime::new(0, -60_000)];
    check("interval", &["'2 days 1.5 s'", "'-1 min'"], IntervalDayTimeArray::from(values)).await;
    check("interval", &["'26 h'", "'1 ms'"], DurationMillisecondArray::from(vec![93_600_000, 1]))
        .await;
    check("interval", &["'2 y'", "'-1 mon'"], IntervalYearMonthArray::from(vec![24, -1])).await;
}

#[tokio::test]
async fn lists_are_arrays() {
    let mut texts = ListBuilder::new(StringBuilder::new());
    texts.append_value([Some("a,\"b\" \\"), None, Some("null"), Some("")]);
    texts.append_value([None::<&str>; 0]);
    texts.append_null();
    let literals = ["ARRAY['a,\"b\" \\', NULL, 'null', '']", "'{}'", "NULL"];
    check("text[]", &literals, texts.finish()).await;
    let mut hashes = ListBuilder::new(FixedSizeBinaryBuilder::new(2));
    hashes.values().append_value([0, 255]).unwrap();
    hashes.values().append_null();
    hashes.append(true);
    hashes.append(true);
    check("bytea[]", &["ARRAY['\\x00ff'::bytea, NULL]", "'{}'"], hashes.finish()).await;
    let mut flags = ListBuilder::new(BooleanBuilder::new());
    flags.append_value([Some(true), None, Some(false)]);
    flags.append_null();
    check("boolean[]", &["'{t,NULL,f}'", "NULL"], flags.finish()).await;
    let numbers = vec![Some(vec![Some(0.5), None]), Some(vec![Some(1e30)])];
    let numbers = ListArray::from_iter_primitive::<types::Float64Type, _, _>(numbers);
    check("float8[]", &["'{0.50,NULL}'", "'{1e+30}'"], numbers).await;
}

#[tokio::test]
async fn structs_and_lists_of_them_are_json() {
    let fields = Fields::from(vec![
        Field::new("b", DataType::FixedSizeBinary(2), true),
        Field::new("number", DataType::UInt64, true),
        Field::new("aa", DataType::Utf8, true),
    ]);
    let bytes = [[1, 171], [0, 0]].iter();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_from_iter(bytes).unwrap()),
        Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])),
        Arc::new(StringArray::from(vec!["q\"\\\n\u{1}é 1.50", "{}"])),
    ];
    let structs = StructArray::new(fields, columns, None);
    let literals = [
        r#"E'{"aa": "q\\"\\\\\\n\\u0001é 1.50", "number": 18446744073709551615, "b": "0x01ab"}'"#,
        r#"'{"b": "0x0000", "number": null, "aa": "{}"}'"#,
    ];
    check("jsonb", &literals, structs.clone()).await;
    let item = Arc::new(Field::new("item", structs.data_type().clone(), true));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([2, 0]);
    let lists = ListArray::new(item, offsets, Arc::new(structs), None);
    let both = format!("jsonb_build_array({}::jsonb, {}::jsonb)", literals[0], literals[1]);
    check("jsonb", &[&both, "'[]'"], lists).await;
}

#[tokio::test]
async fn nested_values_in_a_text_column_are_compact_json() {
    let decimals = Decimal128Array::from(vec![150, 0]).with_precision_and_scale(38, 2).unwrap();
    let texts = StringArray::from(vec!["\n\"", ""]);
    let fields = vec![
        Field::new("n", decimals.data_type().clone(), true),
        Field::new("a", DataType::Utf8, true),
    ];
    let structs = StructArray::new(fields.into(), vec![Arc::new(decimals), Arc::new(texts)], None);
    let literals = [r#"'{"n":1.50,"a":"\u000a\""}'"#, r#"'{"n":0.00,"a":""}'"#];
    check("text", &literals, structs).await;
}

#[tokio::test]
async fn texts_that_are_numbers_are_compared_by_value() {
    let texts = StringArray::from(vec!["1.50", " +7e2", "-0.0"]);
    check("numeric", &["1.5", "700", "0"], texts.clone()).await;
    let texts = StringArray::from(vec!["1.0", "7e2"]);
    check("bigint", &["1", "700"], texts).await;
}

#[tokio::test]
async fn maps_are_objects_or_lists_of_entries() {
    let mut texts = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    texts.keys().append_value("k");
    texts.values().append_value("v");
    texts.append(true).unwrap();
    texts.append(true).unwrap();
    check("jsonb", &[r#"'{"k": "v"}'"#, "'{}'"], texts.finish()).await;
    let mut flags = MapBuilder::new(None, BooleanBuilder::new(), StringBuilder::new());
    flags.keys().append_value(true);
    flags.values().append_null();
    flags.append(true).unwrap();
    flags.append(true).unwrap();
    check("jsonb", &[r#"'[{"key": true, "value": null}]'"#, "'[]'"], flags.finish()).await;
}

#[tokio::test]
async fn numbers_in_json_are_compared_by_value() {
    let decimals = Decimal128Array::from(vec![150, -1]).with_precision_and_scale(38, 2).unwrap();
    let fields = vec![Field::new("n", decimals.data_type().clone(), true)];
    let structs = StructArray::new(fields.into(), vec![Arc::new(decimals)], None);
    check("jsonb", &[r#"'{"n": 1.500}'"#, r#"'{"n": -1e-2}'"#], structs).await;
}
