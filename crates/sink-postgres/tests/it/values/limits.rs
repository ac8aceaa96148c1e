//! The last value that PostgreSQL holds, and the first that it does not.

use std::sync::Arc;

use ampsync_schema::{ColumnType, Digits};
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{IntervalDayTime, IntervalMonthDayNano};
use sink_postgres::{SinkOptions, ValueError};

use super::{choose, chosen, refused, written};

/// The texts of values that fit.
async fn fit(values: impl Array + 'static, expected: &[&str]) {
    let rows = written(vec![("v", Arc::new(values))]).await;
    let found: Vec<_> = rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
    assert_eq!(found, expected);
}

/// The message about a value that does not.
async fn beyond(values: impl Array + 'static, message: &str) {
    assert_eq!(refused(values, SinkOptions::default()).await.to_string(), message);
}

#[tokio::test]
async fn dates() {
    let ends = ["4714-11-24 BC", "5874897-12-31"];
    fit(Date32Array::from(vec![-2_440_588, 2_145_042_905]), &ends).await;
    let millis = vec![-2_440_588 * 86_400_000, 2_145_042_906 * 86_400_000 - 1];
    fit(Date64Array::from(millis), &ends).await;
    for (days, shown) in [
        (-2_440_589, "-4713-11-23"),
        (2_145_042_906, "+5874898-01-01"),
        (i32::MIN, "-5877641-06-23"),
        (i32::MAX, "+5881580-07-11"),
    ] {
        beyond(Date32Array::from(vec![days]), &format!("{shown} does not fit date")).await;
    }
    let error = refused(Date64Array::from(vec![i64::MAX]), SinkOptions::default()).await;
    assert!(matches!(error, ValueError::OutOfRange { .. }), "{error}");
}

#[tokio::test]
async fn timestamps() {
    let first = "4714-11-24 00:00:00 BC";
    let seconds = vec![-210_866_803_200, 9_224_318_015_999];
    fit(TimestampSecondArray::from(seconds), &[first, "294276-12-31 23:59:59"]).await;
    let millis = vec![-210_866_803_200_000, 9_224_318_015_999_999];
    fit(TimestampMillisecondArray::from(millis), &[first, "294276-12-31 23:59:59.999"]).await;
    let micros = vec![-210_866_803_200_000_000, i64::MAX];
    fit(TimestampMicrosecondArray::from(micros), &[first, "294247-01-10 04:00:54.775807"]).await;
    let nanos = vec![i64::MIN, i64::MAX];
    fit(
        TimestampNanosecondArray::from(nanos),
        &["1677-09-21 00:12:43.145224", "2262-04-11 23:47:16.854775"],
    )
    .await;
    for (seconds, shown) in [
        (-210_866_803_201, "-4713-11-23T23:59:59"),
        (9_224_318_016_000, "+294277-01-01T00:00:00"),
        (i64::MAX, "+292277026596-12-04T15:30:07"),
        (i64::MIN, "-292277022657-01-27T08:29:52"),
    ] {
        let message = format!("{shown} does not fit timestamp without time zone");
        beyond(TimestampSecondArray::from(vec![seconds]), &message).await;
        let message = format!("{shown}Z does not fit timestamp with time zone");
        beyond(TimestampSecondArray::from(vec![seconds]).with_timezone("x"), &message).await;
    }
    for micros in [i64::MIN, -210_866_803_200_000_001] {
        let error =
            refused(TimestampMicrosecondArray::from(vec![micros]), SinkOptions::default()).await;
        assert!(matches!(error, ValueError::OutOfRange { .. }), "{error}");
    }
}

#[tokio::test]
async fn times() {
    fit(Time32SecondArray::from(vec![0, 86_400]), &["00:00:00", "24:00:00"]).await;
    fit(Time64NanosecondArray::from(vec![86_400_000_000_000]), &["24:00:00"]).await;
    let ty = "does not fit time without time zone";
    beyond(Time32SecondArray::from(vec![86_401]), &format!("24:00:01 {ty}")).await;
    beyond(
        Time64NanosecondArray::from(vec![86_400_000_000_001]),
        &format!("24:00:00.000000001 {ty}"),
    )
    .await;
    beyond(Time32MillisecondArray::from(vec![-1]), &format!("-00:00:01.999 {ty}")).await;
}

#[tokio::test]
async fn spans() {
    let largest = "2562047788:00:54.775807";
    let smallest = "-2562047788:00:54.775808";
    fit(DurationMicrosecondArray::from(vec![i64::MAX, i64::MIN]), &[largest, smallest]).await;
    fit(
        DurationSecondArray::from(vec![9_223_372_036_854, -9_223_372_036_854]),
        &["2562047788:00:54", "-2562047788:00:54"],
    )
    .await;
    for seconds in [9_223_372_036_855, i64::MIN] {
        let error = refused(DurationSecondArray::from(vec![seconds]), SinkOptions::default()).await;
        assert_eq!(error.to_string(), format!("PT{seconds}S does not fit interval"));
    }
    let months = IntervalYearMonthArray::from(vec![i32::MAX, i32::MIN]);
    fit(months, &["178956970 years 7 mons", "-178956970 years -8 mons"]).await;
    let days = vec![IntervalDayTime::new(i32::MIN, i32::MAX), IntervalDayTime::new(0, -1)];
    fit(IntervalDayTimeArray::from(days), &["-2147483648 days +596:31:23.647", "-00:00:00.001"])
        .await;
    let parts = vec![IntervalMonthDayNano::new(i32::MAX, i32::MAX, i64::MAX)];
    fit(
        PrimitiveArray::<IntervalMonthDayNanoType>::from(parts),
        &["178956970 years 7 mons 2147483647 days 2562047:47:16.854775"],
    )
    .await;
}

#[tokio::test]
async fn decimals_with_more_digits_than_their_type_says() {
    let decimals = Decimal128Array::from(vec![99_999]).with_precision_and_scale(5, 2).unwrap();
    fit(decimals, &["999.99"]).await;
    let data = Decimal128Array::from(vec![100_000]).into_data();
    let data = data.into_builder().data_type(arrow_schema::DataType::Decimal128(5, 2));
    let decimals = Decimal128Array::from(data.build().unwrap());
    beyond(decimals, "1000.00 does not fit numeric(5,2)").await;
}

#[tokio::test]
async fn numbers_of_as_many_digits_as_postgresql_has() {
    let largest = "7".repeat(131_072);
    let smallest = format!("0.{}1", "0".repeat(16_382));
    let both = format!("{largest}.{}", "3".repeat(16_383));
    let texts = vec![largest.clone(), smallest.clone(), both.clone(), "1e131071".to_owned()];
    let found = chosen(StringArray::from(texts), ColumnType::Numeric(None)).await;
    let power = format!("1{}", "0".repeat(131_071));
    assert_eq!(found, [largest, smallest, both, power].map(Some));
    for text in ["1e131072", "1e-16384", "0e-16384"] {
        let error = refused(StringArray::from(vec![text]), choose(ColumnType::Numeric(None))).await;
        assert_eq!(error.to_string(), format!("{text:?} does not fit numeric"));
    }
    let widest = ColumnType::Numeric(Some(Digits { precision: 1_000, scale: 1_000 }));
    let digits = format!("0.{}", "9".repeat(1_000));
    let found = chosen(StringArray::from(vec![digits.clone()]), widest).await;
    assert_eq!(found, [Some(digits)]);
}
