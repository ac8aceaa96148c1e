//! The client as the engine reads it.

use futures::{StreamExt, TryStreamExt};
use nozzle_client::{Error, SqlClient, StreamSource};
use sync_core::chain::{BlockHash, Cursor, Network};
use sync_core::{Classify, Fault, Mark, Source};

use crate::server::{
    Script, TestServer, batch_message, hash, metadata, rows, schema, schema_message,
};

#[tokio::test]
async fn messages_say_no_more_and_no_less_than_the_server_does() {
    let (open, complete) = (metadata(1, 0, 2, false), metadata(1, 0, 2, true));
    let absent = format!(
        r#"{{"ranges":[{{"numbers":{{"start":3,"end":3}},"network":"anvil","hash":"{}"}}]}}"#,
        hash(1, 3)
    );
    let messages = vec![
        schema_message(&schema()),
        batch_message(&rows([]), &open),
        batch_message(&rows([0, 2]), &complete),
        batch_message(&rows([3]), &absent),
        batch_message(&rows([]), r#"{"ranges":[],"ranges_complete":true}"#),
    ];
    let server = TestServer::start(Script::messages(&schema(), messages)).await;
    let source = StreamSource::new(server.client(), "SELECT 1");
    let (announced, messages) = source.open(None).await.unwrap();
    assert_eq!(announced, schema());
    let seen: Vec<_> = messages
        .map_ok(|message| (message.ranges.len(), message.rows.num_rows(), message.mark))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        seen,
        [(1, 0, Mark::Open), (1, 2, Mark::Complete), (1, 1, Mark::Absent), (0, 0, Mark::Complete)]
    );
}

#[tokio::test]
async fn the_cursor_reaches_the_server() {
    let server = TestServer::start(Script::messages(&schema(), Vec::new())).await;
    let source = StreamSource::new(server.client(), "SELECT 1");
    assert_eq!(source.schema().await.unwrap(), schema());
    let hash = BlockHash([7; 32]);
    let cursor = Cursor { network: Network::new("anvil"), number: 9_u32.into(), hash };
    source.open(Some(&cursor)).await.unwrap();
    let resume = server.asked()[1].header("amp-resume").unwrap().to_owned();
    assert!(resume.contains(r#""anvil""#) && resume.contains(&hash.to_string()), "{resume}");
}

#[tokio::test]
async fn a_server_without_metadata_is_too_old_to_follow() {
    let messages = vec![schema_message(&schema()), batch_message(&rows([1]), "")];
    let server = TestServer::start(Script::messages(&schema(), messages)).await;
    let source = StreamSource::new(server.client(), "SELECT 1");
    let (_, mut messages) = source.open(None).await.unwrap();
    let error = messages.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::MetadataMissing), "{error:?}");
    assert_eq!(error.fault(), Fault::Transient);
    assert!(error.remedy().unwrap().contains("2025-08-20"));
}

/// The futures and streams of a source move between threads.
#[tokio::test]
async fn a_source_can_be_moved() {
    fn moves(_: &(impl Send + Sync)) {}
    fn sends(_: &impl Send) {}
    let source = StreamSource::new(SqlClient::new("http://localhost:1602").unwrap(), "SELECT 1");
    moves(&source);
    sends(&source.open(None));
    sends(&source.schema());
}
