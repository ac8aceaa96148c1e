use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Int32Builder, ListBuilder, MapBuilder, StringBuilder, UInt64Builder,
};
use arrow_array::types::{Int8Type, Int16Type, UInt64Type};
use arrow_array::*;
use arrow_buffer::{IntervalMonthDayNano, NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};

use super::{check, refused};

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
async fn a_map_with_texts_as_keys_is_an_object_and_any_other_a_list_of_its_entries() {
    let mut texts = MapBuilder::new(None, StringBuilder::new(), UInt64Builder::new());
    let mut numbers = MapBuilder::new(None, Int32Builder::new(), UInt64Builder::new());
    for (row, lengths) in [2, 0, 20, 0].into_iter().enumerate() {
        for entry in 0..lengths {
            texts.keys().append_value(format!("{entry}\""));
            texts.values().append_option((entry > 0).then_some(u64::MAX));
            numbers.keys().append_value(1);
            numbers.values().append_value(entry);
        }
        texts.append(row < 3).unwrap();
        numbers.append(row < 3).unwrap();
    }
    let (texts, numbers) = (texts.finish().slice(0, 2), numbers.finish().slice(0, 2));
    check(vec![
        (
            "texts",
            Arc::new(texts),
            &[Some(r#"{"0\"": null, "1\"": 18446744073709551615}"#), Some("{}")],
        ),
        (
            "numbers",
            Arc::new(numbers),
            &[Some(r#"[{"key": 1, "value": 0}, {"key": 1, "value": 1}]"#), Some("[]")],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_key_that_would_be_lost_is_refused() {
    for entries in [2, 30] {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), UInt64Builder::new());
        for entry in 0..entries {
            maps.keys().append_value(format!("{}", entry % (entries - 1)));
            maps.values().append_value(1);
        }
        maps.append(true).unwrap();
        let error = refused(maps.finish(), sink_postgres::SinkOptions::default()).await;
        assert_eq!(error.to_string(), "the map has the key \"0\" twice");
    }
}

#[tokio::test]
async fn dictionaries_and_runs_are_their_values_however_deep_they_are() {
    let runs = || {
        let values = StringArray::from(vec![Some("a"), None, Some("b")]);
        RunArray::<Int16Type>::try_new(&Int16Array::from(vec![2, 3, 5]), &values).unwrap()
    };
    let words: DictionaryArray<Int8Type> =
        [Some("x"), None, Some("x"), Some("y"), None].into_iter().collect();
    let nothing = Int8Array::from(vec![Some(0), Some(1), None]);
    let values = Arc::new(Int32Array::from(vec![None, Some(7)]));
    let nulls = DictionaryArray::new(nothing, values);
    let field = |name: &str, array: &dyn Array| Field::new(name, array.data_type().clone(), true);
    let lists = |items: ArrayRef| -> ArrayRef {
        let item = Arc::new(field("item", &items));
        Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([1, 3, 1]), items, None))
    };
    let fields = Fields::from(vec![field("runs", &runs()), field("words", &words)]);
    let records = StructArray::new(fields, vec![Arc::new(runs()), Arc::new(words.clone())], None);
    check(vec![
        ("runs", Arc::new(runs().slice(1, 3)), &[Some("a"), None, Some("b")]),
        ("words", Arc::new(words.slice(2, 3)), &[Some("x"), Some("y"), None]),
        ("nulls", Arc::new(nulls), &[None, Some("7"), None]),
        ("run_lists", lists(Arc::new(runs())), &[Some("{a}"), Some("{a,NULL,b}"), Some("{b}")]),
        ("word_lists", lists(Arc::new(words)), &[Some("{x}"), Some("{NULL,x,y}"), Some("{NULL}")]),
        (
            "records",
            Arc::new(records.slice(2, 3)),
            &[
                Some(r#"{"runs": null, "words": "x"}"#),
                Some(r#"{"runs": "b", "words": "y"}"#),
                Some(r#"{"runs": "b", "words": null}"#),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn times_inside_of_json_keep_all_that_they_have() {
    let times = TimestampNanosecondArray::from(vec![1_655_778_500_123_456_789, -1]);
    let spans =
        vec![IntervalMonthDayNano::new(-1, 2, -3_500_000_000), IntervalMonthDayNano::new(0, 0, 1)];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("at", Arc::new(times.clone().with_timezone("Asia/Tokyo"))),
        ("local", Arc::new(times)),
        ("day", Arc::new(Date32Array::from(vec![-719_529, 2_932_897]))),
        ("time", Arc::new(Time64NanosecondArray::from(vec![1, 86_400_000_000_000]))),
        ("span", Arc::new(PrimitiveArray::<types::IntervalMonthDayNanoType>::from(spans))),
        ("took", Arc::new(DurationSecondArray::from(vec![i64::MIN, 0]))),
    ];
    let columns = columns.into_iter().map(|(name, column)| {
        (Arc::new(Field::new(name, column.data_type().clone(), true)), column)
    });
    let records = StructArray::from(columns.collect::<Vec<_>>());
    let first = concat!(
        r#"{"at": "2022-06-21T02:28:20.123456789Z", "day": "-0001-12-31", "#,
        r#""span": "P-1M2DT-3.5S", "time": "00:00:00.000000001", "#,
        r#""took": "PT-9223372036854775808S", "local": "2022-06-21T02:28:20.123456789"}"#
    );
    let second = concat!(
        r#"{"at": "1969-12-31T23:59:59.999999999Z", "day": "+10000-01-01", "#,
        r#""span": "PT0.000000001S", "time": "24:00:00", "took": "PT0S", "#,
        r#""local": "1969-12-31T23:59:59.999999999"}"#
    );
    check(vec![("record", Arc::new(records), &[Some(first), Some(second)])]).await;
}
