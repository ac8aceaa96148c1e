use std::sync::Arc;

use arrow_array::*;

use super::check;
use crate::support::*;

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
