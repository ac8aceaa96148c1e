//! What the client makes of messages.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, RecordBatchOptions};
use arrow_flight::FlightData;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use nozzle_client::{Error, Metadata, ResponseBatch};
use sync_core::{Classify, Fault};

use crate::server::{
    Script, TestServer, batch_message, hash, metadata, rows, schema, schema_message,
};

/// What a client makes of a stream: the batches, and the error it ends with, if any.
async fn read(schema: &Schema, messages: Vec<FlightData>) -> (Vec<ResponseBatch>, Option<Error>) {
    let server = TestServer::start(Script::messages(schema, messages)).await;
    let mut stream = server.client().query("SELECT 1", None).await.unwrap();
    assert_eq!(&**stream.schema(), schema);
    let mut batches = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(batch)) => batches.push(batch),
            Ok(None) => return (batches, None),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing follows an error");
                return (batches, Some(error));
            }
        }
    }
}

/// The metadata of one message with rows.
async fn read_metadata(metadata: &str) -> Result<Option<Metadata>, Error> {
    let messages = vec![schema_message(&schema()), batch_message(&rows([1]), metadata)];
    match read(&schema(), messages).await {
        (_, Some(error)) => Err(error),
        (mut batches, None) => Ok(batches.remove(0).metadata),
    }
}

#[tokio::test]
async fn messages_without_rows_are_kept() {
    let (open, complete) = (metadata(1, 0, 2, false), metadata(1, 0, 2, true));
    let bodiless = FlightData { data_body: Bytes::new(), ..batch_message(&rows([]), &complete) };
    let headless = FlightData { app_metadata: complete.clone().into(), ..FlightData::default() };
    let (batches, error) = read(
        &schema(),
        vec![
            schema_message(&schema()),
            batch_message(&rows([]), &open),
            batch_message(&rows([0, 2]), &open),
            bodiless,
            headless,
        ],
    )
    .await;
    assert!(error.is_none(), "{error:?}");
    let seen: Vec<_> = batches
        .iter()
        .map(|batch| {
            assert_eq!(batch.data.schema(), schema());
            (batch.data.num_rows(), batch.metadata.as_ref().unwrap().ranges_complete.unwrap())
        })
        .collect();
    assert_eq!(seen, [(0, false), (2, false), (0, true), (0, true)]);
    assert_eq!(batches[1].data, rows([0, 2]));
}

#[tokio::test]
async fn a_batch_before_any_schema_message_has_the_announced_schema() {
    let (open, complete) = (metadata(1, 0, 2, false), metadata(1, 0, 2, true));
    let messages = vec![
        batch_message(&rows([]), &complete),
        batch_message(&rows([1]), &open),
        schema_message(&schema()),
        batch_message(&rows([2]), &open),
    ];
    let (batches, error) = read(&schema(), messages).await;
    assert!(error.is_none(), "{error:?}");
    let data: Vec<_> = batches.into_iter().map(|batch| batch.data).collect();
    assert_eq!(data, [rows([]), rows([1]), rows([2])]);
}

#[tokio::test]
async fn dictionaries_apply_to_the_batches_that_follow_them() {
    let column = |values: &[&str]| {
        let column: DictionaryArray<Int32Type> = values.iter().copied().collect();
        let column: ArrayRef = Arc::new(column);
        RecordBatch::try_from_iter([("kind", column)]).unwrap()
    };
    let first = column(&["mint", "burn", "mint"]);
    let second = column(&["swap", "mint"]);
    let schema = first.schema();
    let messages: Vec<_> = FlightDataEncoderBuilder::new()
        .with_dictionary_handling(DictionaryHandling::Resend)
        .build(stream::iter([Ok(first.clone()), Ok(second.clone())]))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(messages.len(), 5, "each batch has a dictionary before it");

    let (batches, error) = read(&schema, messages).await;
    assert!(error.is_none(), "{error:?}");
    let data: Vec<_> = batches.into_iter().map(|batch| batch.data).collect();
    assert_eq!(data, [first, second]);
}

#[tokio::test]
async fn rows_without_columns_are_counted() {
    let schema = Arc::new(Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), vec![], &options).unwrap();
    let messages = vec![schema_message(&schema), batch_message(&batch, "")];
    let (batches, error) = read(&schema, messages).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(batches[0].data.num_rows(), 3);
}

#[tokio::test]
async fn metadata_of_all_eras_is_read() {
    let (end, parent) = (hash(1, 9), hash(0, 3));
    let range = |rest: &str| {
        format!(r#"{{"numbers":{{"start":4,"end":9}},"network":"anvil","hash":"{end}"{rest}}}"#)
    };
    let with_parent = range(&format!(r#","prev_hash":"{parent}""#));
    let with_null = range(r#","prev_hash":null"#);
    let newest = range(&format!(
        r#","prev_hash":"{parent}","timestamp":1655778500,"finality":{{"depth":[1]}}"#
    ));
    // What is sent; the ranges' parent and timestamp; what it says of the end.
    type Expected = (Vec<(bool, Option<u64>)>, Option<bool>);
    let cases: [(String, Expected); 9] = [
        (r#"{"range":null}"#.to_owned(), (vec![], None)),
        (format!(r#"{{"range":{with_parent}}}"#), (vec![(true, None)], None)),
        (r#"{"ranges":[]}"#.to_owned(), (vec![], None)),
        (format!(r#"{{"ranges":[{with_parent}]}}"#), (vec![(true, None)], None)),
        (
            format!(r#"{{"ranges":[{}],"ranges_complete":false}}"#, range("")),
            (vec![(false, None)], Some(false)),
        ),
        (
            format!(r#"{{"ranges":[{with_null}],"ranges_complete":true}}"#),
            (vec![(false, None)], Some(true)),
        ),
        (
            format!(r#"{{"ranges":[{newest}],"ranges_complete":true,"sql":"x"}}"#),
            (vec![(true, Some(1_655_778_500))], Some(true)),
        ),
        (r#"{"ranges":[],"ranges_complete":true}"#.to_owned(), (vec![], Some(true))),
        (
            format!(r#"{{"ranges":[{newest},{with_null}]}}"#),
            (vec![(true, Some(1_655_778_500)), (false, None)], None),
        ),
    ];
    for (sent, expected) in cases {
        let metadata = read_metadata(&sent).await.unwrap().unwrap();
        for range in &metadata.ranges {
            assert_eq!(range.to_string(), "anvil [4..9]");
            assert_eq!(range.hash().to_string(), end);
        }
        let ranges = metadata.ranges.iter();
        let ranges = ranges.map(|range| (range.prev_hash().is_some(), range.timestamp())).collect();
        assert_eq!((ranges, metadata.ranges_complete), expected, "{sent}");
    }
    assert_eq!(read_metadata("").await.unwrap(), None);
}

#[tokio::test]
async fn metadata_that_no_server_sends_is_refused_with_its_text() {
    let range = |start: &str, end: &str, network: &str, hash: &str| {
        let numbers = format!(r#"{{"start":{start},"end":{end}}}"#);
        let rest = format!(r#""network":"{network}","hash":"{hash}""#);
        format!(r#"{{"ranges":[{{"numbers":{numbers},{rest}}}]}}"#)
    };
    let good = hash(1, 9);
    assert!(read_metadata(&range("4", "9", "anvil", &good)).await.is_ok());
    for (sent, reason) in [
        ("4..9".to_owned(), "line 1"),
        ("{}".to_owned(), "ranges"),
        (r#"{"ranges":null}"#.to_owned(), "ranges"),
        (r#"{"range":null,"ranges":[]}"#.to_owned(), "both"),
        (r#"{"ranges":[{}]}"#.to_owned(), "numbers"),
        (r#"{"ranges":[],"ranges_complete":"yes"}"#.to_owned(), "boolean"),
        (range("9", "4", "anvil", &good), "ends at 4, before its start 9"),
        (range("-1", "4", "anvil", &good), "-1"),
        (range("4", "9223372036854775808", "anvil", &good), "above 9223372036854775807"),
        (range("4", "9", "", &good), "network"),
        (range("4", "9", "anvil", "0x12"), "0x12"),
    ] {
        let error = read_metadata(&sent).await.unwrap_err();
        let Error::Metadata { text, source } = &error else { panic!("{sent}: {error:?}") };
        assert_eq!(text, &sent);
        assert!(source.to_string().contains(reason), "{sent}: {source}");
        assert_eq!(error.fault(), Fault::Transient);
    }
    let long = read_metadata(&"[".repeat(10_000)).await.unwrap_err();
    assert!(long.to_string().len() < 700, "{long}");
}

#[tokio::test]
async fn a_stream_with_another_schema_than_announced_is_refused() {
    let field = |data_type, nullable| Field::new("value", data_type, nullable);
    let announced = Schema::new(vec![field(DataType::Int64, true)]);
    for found in [field(DataType::Int32, true), field(DataType::Int64, false)] {
        let messages = vec![schema_message(&Schema::new(vec![found]))];
        let (batches, error) = read(&announced, messages).await;
        let error = error.unwrap();
        assert!(batches.is_empty() && matches!(error, Error::SchemaChanged { .. }), "{error:?}");
        assert!(error.to_string().contains("column 1"), "{error}");
        assert_eq!(error.fault(), Fault::Transient);
    }

    let metadata = [("version".to_owned(), "2".to_owned())].into();
    let described = Schema::new_with_metadata(announced.fields.clone(), metadata);
    let (_, error) = read(&announced, vec![schema_message(&described)]).await;
    assert!(error.is_none(), "a difference that changes no row is none: {error:?}");
}

#[tokio::test]
async fn malformed_messages_are_errors() {
    let good = batch_message(&rows([1, 2, 3]), "");
    let bodiless = FlightData { data_body: Bytes::new(), ..good.clone() };
    let cut = FlightData { data_body: good.data_body.slice(..8), ..good.clone() };
    let garbage = FlightData { data_header: Bytes::from_static(b"garbage!"), ..good.clone() };
    let other_columns = schema_message(&Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
    for bad in [bodiless, cut, garbage] {
        let (batches, error) = read(&schema(), vec![good.clone(), bad, good.clone()]).await;
        let error = error.unwrap();
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        assert_eq!(batches.len(), 1);
        assert_eq!(error.fault(), Fault::Transient);
    }
    let announced = Schema::new(vec![Field::new("a", DataType::Utf8, true)]);
    let (_, error) = read(&announced, vec![other_columns, good]).await;
    assert!(matches!(error, Some(Error::Decode { .. })), "{error:?}");
}

#[tokio::test]
async fn rows_are_aligned_wherever_the_connection_put_them() {
    let messages = vec![schema_message(&schema()), batch_message(&rows(0..1_000), "")];
    let (batches, _) = read(&schema(), messages).await;
    for column in batches[0].data.columns() {
        for buffer in column.to_data().buffers() {
            assert_eq!(buffer.as_ptr().align_offset(64), 0);
        }
    }
}

#[tokio::test]
async fn a_network_that_could_not_be_stored_or_asked_for_again_is_refused() {
    for (network, reason) in [
        (String::new(), "no name"),
        ("a\0b".to_owned(), "NUL"),
        ("n".repeat(256), "longer than 255 bytes"),
    ] {
        let mut json: serde_json::Value = serde_json::from_str(&metadata(1, 0, 2, true)).unwrap();
        json["ranges"][0]["network"] = network.into();
        let error = read_metadata(&json.to_string()).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(reason), "{source}");
    }
}
