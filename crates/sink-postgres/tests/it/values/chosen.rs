//! Columns of another type than the usual one, which was asked for.

use ampsync_schema::{ColumnType, Digits};
use arrow_array::builder::{BinaryBuilder, ListBuilder, UInt64Builder};
use arrow_array::*;
use arrow_buffer::i256;
use sink_postgres::ValueError;

use super::{choose, chosen, refused};

fn numeric(precision: u16, scale: u16) -> ColumnType {
    ColumnType::Numeric(Some(Digits { precision, scale }))
}

/// The values as PostgreSQL writes them.
fn texts<const N: usize>(values: [&str; N]) -> Vec<Option<String>> {
    values.map(|value| Some(value.to_owned())).to_vec()
}

#[tokio::test]
async fn whole_numbers_become_bigint_where_they_fit() {
    let largest = u64::try_from(i64::MAX).unwrap();
    let found = chosen(UInt64Array::from(vec![0, largest]), ColumnType::BigInt).await;
    assert_eq!(found, texts(["0", "9223372036854775807"]));
    let decimals = Decimal128Array::from(vec![-500, 0]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(chosen(decimals, ColumnType::BigInt).await, texts(["-5", "0"]));
    let decimals = Decimal256Array::from(vec![i256::MINUS_ONE]);
    let decimals = decimals.with_precision_and_scale(40, -18).unwrap();
    assert_eq!(chosen(decimals, ColumnType::BigInt).await, texts(["-1000000000000000000"]));
    let given = vec!["-9223372036854775808", " +7.00\n", "12e2", "0.0e-9"];
    let found = chosen(StringArray::from(given), ColumnType::BigInt).await;
    assert_eq!(found, texts(["-9223372036854775808", "7", "1200", "0"]));
}

#[tokio::test]
async fn what_is_no_bigint_is_refused_with_its_value() {
    let does_not_fit = |value: &str| format!("{value} does not fit bigint");
    let values = UInt64Array::from(vec![1, 1 << 63]);
    let error = refused(values, choose(ColumnType::BigInt)).await;
    assert_eq!(error.to_string(), does_not_fit("9223372036854775808"));
    let values = Decimal128Array::from(vec![150]).with_precision_and_scale(10, 2).unwrap();
    let error = refused(values, choose(ColumnType::BigInt)).await;
    assert_eq!(error.to_string(), does_not_fit("1.50"));
    for text in ["9223372036854775808", "0.5", "1e99999999999999999999"] {
        let error = refused(StringArray::from(vec![text]), choose(ColumnType::BigInt)).await;
        assert_eq!(error.to_string(), does_not_fit(&format!("{text:?}")));
    }
}

#[tokio::test]
async fn texts_become_numbers_with_all_their_digits() {
    let uint256 = "9".repeat(78);
    let given = vec![&uint256, "-0.50", "1.5e3", "5.", ".5", "\t1e-3 ", "00012", "-0", "12345e-2"];
    let found = chosen(StringArray::from(given.clone()), ColumnType::Numeric(None)).await;
    let expected = [&uint256, "-0.50", "1500", "5", "0.5", "0.001", "12", "0", "123.45"];
    assert_eq!(found, texts(expected));
    let found = chosen(StringViewArray::from(given), numeric(90, 3)).await;
    let expected = [
        &format!("{uint256}.000"),
        "-0.500",
        "1500.000",
        "5.000",
        "0.500",
        "0.001",
        "12.000",
        "0.000",
        "123.450",
    ];
    assert_eq!(found, texts(expected));
}

#[tokio::test]
async fn a_number_is_refused_rather_than_rounded() {
    for (text, ty) in
        [("0.001", "(5,2)"), ("1000", "(5,2)"), ("1e3", "(5,2)"), ("-1000.00", "(5,2)")]
    {
        let error = refused(StringArray::from(vec![text]), choose(numeric(5, 2))).await;
        assert_eq!(error.to_string(), format!("{text:?} does not fit numeric{ty}"));
    }
    let fits = vec!["999.99", "-0.0100", "0.1e-1", "99999e-2"];
    let found = chosen(StringArray::from(fits), numeric(5, 2)).await;
    assert_eq!(found, texts(["999.99", "-0.01", "0.01", "999.99"]));
    let decimals = |value| Decimal128Array::from(vec![value]).with_precision_and_scale(20, 4);
    let found = chosen(decimals(9_999_900).unwrap(), numeric(5, 2)).await;
    assert_eq!(found, texts(["999.99"]));
    for value in [9_999_910, 10_000_000] {
        let error = refused(decimals(value).unwrap(), choose(numeric(5, 2))).await;
        assert!(matches!(error, ValueError::OutOfRange { .. }), "{error}");
    }
    for text in ["", " ", "0x10", "NaN", "Infinity", "1_000", "1,5", "--1", "1e", "."] {
        let error = refused(StringArray::from(vec![text]), choose(ColumnType::Numeric(None))).await;
        assert_eq!(error.to_string(), format!("the text {text:?} is not a decimal number"));
    }
}

#[tokio::test]
async fn numbers_become_texts_of_plain_digits() {
    let found = chosen(Int8Array::from(vec![-128, 0]), ColumnType::Text).await;
    assert_eq!(found, texts(["-128", "0"]));
    let decimals = Decimal128Array::from(vec![-5, 0, 123_456]);
    let decimals = decimals.with_precision_and_scale(10, 3).unwrap();
    assert_eq!(chosen(decimals, ColumnType::Text).await, texts(["-0.005", "0.000", "123.456"]));
    let decimals = Decimal256Array::from(vec![i256::from(-12), i256::ZERO]);
    let decimals = decimals.with_precision_and_scale(76, -5).unwrap();
    assert_eq!(chosen(decimals, ColumnType::Text).await, texts(["-1200000", "0"]));
    let extremes = [i256::MIN, i256::MAX];
    let decimals =
        Decimal256Array::from(extremes.to_vec()).with_precision_and_scale(76, 0).unwrap();
    let found = chosen(decimals, ColumnType::Text).await;
    assert_eq!(found, extremes.map(|value| Some(value.to_string())));
}

#[tokio::test]
async fn bytes_become_hexadecimal_texts() {
    let bytes = BinaryViewArray::from(vec![Some(&b"\x00\xff\x0a"[..]), Some(b""), None]);
    let found = chosen(bytes, ColumnType::Hex).await;
    assert_eq!(found, [Some("0x00ff0a".to_owned()), Some("0x".to_owned()), None]);
    let mut lists = ListBuilder::new(BinaryBuilder::new());
    lists.append_value([Some(b"\x01"), None]);
    assert_eq!(chosen(lists.finish(), ColumnType::Hex).await, texts(["{0x01,NULL}"]));
}

#[tokio::test]
async fn lists_and_their_items_become_what_was_asked_for() {
    let mut lists = ListBuilder::new(UInt64Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_value([]);
    let lists = lists.finish();
    for (ty, found) in [
        (ColumnType::Jsonb, ["[1, null]", "[]"]),
        (ColumnType::BigInt, ["{1,NULL}", "{}"]),
        (ColumnType::Text, ["{1,NULL}", "{}"]),
        (numeric(30, 2), ["{1.00,NULL}", "{}"]),
    ] {
        assert_eq!(chosen(lists.clone(), ty).await, texts(found), "{ty}");
    }
    let item = lists.slice(0, 1);
    let mut nested = ListBuilder::new(ListBuilder::new(UInt64Builder::new()));
    nested
        .append_value([Some(item.value(0).as_any().downcast_ref::<UInt64Array>().unwrap().iter())]);
    assert_eq!(chosen(nested.finish(), ColumnType::Text).await, texts(["[[1,null]]"]));
}

#[tokio::test]
async fn texts_of_json_become_jsonb() {
    let given = vec![
        r#" {"b":[1, 2.50,1E2 ],"a":{}} "#,
        "null",
        r#""\ud83e\uddf1 \/ \u00fc""#,
        "-0.0",
        "[]\n",
        "1e131071",
    ];
    let found = chosen(LargeStringArray::from(given), ColumnType::Jsonb).await;
    let expected = [
        r#"{"a": {}, "b": [1, 2.50, 100]}"#,
        "null",
        r#""🧱 / ü""#,
        "-0.0",
        "[]",
        &format!("1{}", "0".repeat(131_071)),
    ];
    let expected = expected.map(|value| value.replace("-0.0", "0.0"));
    let expected: Vec<_> = expected.iter().map(|value| Some(value.clone())).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_text_that_is_not_json_is_refused_with_its_mistake() {
    for (text, problem) in [
        ("", "expected a value at byte 0"),
        ("{a: 1}", "expected a key at byte 1"),
        ("[1,]", "expected a value at byte 3"),
        ("[1 2]", "expected a comma or the end at byte 3"),
        ("[1}", "expected a comma or the end at byte 2"),
        ("{\"a\" 1}", "expected a colon at byte 5"),
        ("01", "a number begins with a zero at byte 2"),
        ("1.", "expected a digit at byte 2"),
        ("NaN", "expected a value at byte 0"),
        ("\"a", "a string without an end at byte 2"),
        ("\"\t\"", "a control character at byte 1"),
        ("\"\\x\"", "an escape that is none at byte 1"),
        ("\"\\ud800\"", "half a character at byte 1"),
        ("\"\\udc00\\ud800\"", "half a character at byte 1"),
        ("null null", "something follows at byte 5"),
    ] {
        let error = refused(StringArray::from(vec![text]), choose(ColumnType::Jsonb)).await;
        let expected = format!("the text {text:?} is not JSON that PostgreSQL takes: {problem}");
        assert_eq!(error.to_string(), expected);
    }
    let error = refused(StringArray::from(vec!["[1e131072]"]), choose(ColumnType::Jsonb)).await;
    assert_eq!(error.to_string(), "\"1e131072\" does not fit jsonb");
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let found = chosen(StringArray::from(vec![deep(1_024)]), ColumnType::Jsonb).await;
    assert_eq!(found, [Some(deep(1_024))]);
    let error = refused(StringArray::from(vec![deep(1_025)]), choose(ColumnType::Jsonb)).await;
    assert!(error.to_string().contains("nested too deeply at byte 1024"), "{error}");
}
