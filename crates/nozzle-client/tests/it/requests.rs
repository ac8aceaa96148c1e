//! What the client sends, and what it refuses to.

use std::time::Duration;

use arrow_schema::Schema;
use futures::StreamExt;
use nozzle_client::{Error, ResumeWatermark, SqlClient};
use serde_json::json;
use sync_core::chain::{BlockHash, Cursor, Network};
use tonic::Status;

use crate::server::{Script, TestServer, schema};

fn cursor(network: &str, number: u32) -> Cursor {
    Cursor { network: Network::new(network), number: number.into(), hash: BlockHash([7; 32]) }
}

async fn idle() -> TestServer {
    TestServer::start(Script::messages(&schema(), Vec::new())).await
}

#[tokio::test]
async fn both_calls_carry_the_bearer_token() {
    let server = idle().await;
    let client = SqlClient::builder(&server.endpoint()).bearer_token("hunter2").build().unwrap();
    let mut stream = client.query("SELECT 1", None).await.unwrap();
    assert!(stream.next().await.is_none());

    let asked = server.asked();
    let calls: Vec<_> = asked.iter().map(|asked| (asked.call, &*asked.what)).collect();
    assert_eq!(
        calls,
        [("GetFlightInfo", "SELECT 1 SETTINGS stream = true"), ("DoGet", "the ticket")]
    );
    for asked in asked {
        assert_eq!(asked.header("authorization"), Some("Bearer hunter2"));
    }
}

#[tokio::test]
async fn streaming_is_asked_for_twice_and_the_cursor_sent_under_both_names() {
    let server = idle().await;
    let resume = ResumeWatermark::from(cursor("mainnet", 104));
    let stream = server.client().query("SELECT 1;", Some(&resume)).await.unwrap();
    assert_eq!(stream.resume(), &resume);

    let asked = server.asked().remove(0);
    assert_eq!(asked.what, "SELECT 1 SETTINGS stream = true");
    assert_eq!(asked.header("amp-stream"), Some("true"));
    let sent: serde_json::Value =
        serde_json::from_str(asked.header("amp-resume").unwrap()).unwrap();
    assert_eq!(
        sent,
        json!({ "mainnet": { "number": 104, "hash": format!("0x{}", "07".repeat(32)) } })
    );
    assert_eq!(asked.header("nozzle-resume"), asked.header("amp-resume"));
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn without_a_cursor_no_resume_header_is_sent() {
    let server = idle().await;
    for resume in [None, Some(&ResumeWatermark::new())] {
        server.client().query("SELECT 1", resume).await.unwrap();
    }
    for asked in server.asked() {
        assert_eq!((asked.header("amp-resume"), asked.header("nozzle-resume")), (None, None));
    }
}

#[tokio::test]
async fn a_batch_query_asks_for_no_stream() {
    let server = idle().await;
    server.client().batch_query("SELECT 1").await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!((&*asked.what, asked.header("amp-stream")), ("SELECT 1", Some("false")));
}

#[tokio::test]
async fn asking_for_the_schema_does_not_run_the_query() {
    let server = idle().await;
    assert_eq!(server.client().schema("SELECT 1").await.unwrap(), schema());
    let calls: Vec<_> = server.asked().iter().map(|asked| asked.call).collect();
    assert_eq!(calls, ["GetFlightInfo"]);
}

#[tokio::test]
async fn the_token_is_shown_nowhere_even_if_the_server_repeats_it() {
    let status = Status::unauthenticated("no such token: hunter2");
    let server = TestServer::start(Script::refusing(status)).await;
    let builder = SqlClient::builder(&server.endpoint()).bearer_token("hunter2");
    let mut shown = format!("{builder:?}");
    let client = builder.build().unwrap();
    let error = client.schema("SELECT 1").await.unwrap_err();
    shown += &format!("{client:?} {error} {error:?}");
    assert!(shown.contains("no such token: ***") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_without_being_repeated() {
    let builder = || SqlClient::builder("http://localhost:1602");
    for (builder, expected) in [
        (builder().decode_limit_mib(0), "decode limit of 0 MiB"),
        (builder().decode_limit_mib(513), "decode limit of 513 MiB"),
        (builder().ping_interval(Duration::ZERO), "ping interval is zero"),
        (builder().bearer_token("hunter2\n"), "line break"),
        (builder().bearer_token(""), "empty"),
    ] {
        let error = builder.build().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, Error::Setting(_)), "{shown}");
        assert!(shown.contains(expected) && !shown.contains("hunter2"), "{shown}");
    }
    for limit in [1, 512] {
        assert!(builder().decode_limit_mib(limit).build().is_ok());
    }
}

#[tokio::test]
async fn a_cursor_of_a_network_by_any_name_reaches_the_server() {
    let server = TestServer::start(Script::messages(&Schema::empty(), Vec::new())).await;
    let name = "m\u{7f}inn\u{e9}t \u{1f980}\n";
    let resume = ResumeWatermark::from(cursor(name, 1));
    server.client().query("SELECT 1", Some(&resume)).await.unwrap();
    let asked = server.asked();
    for header in ["amp-resume", "nozzle-resume"] {
        let sent = asked[0].header(header).unwrap();
        let sent: serde_json::Value = serde_json::from_str(sent).unwrap();
        assert_eq!(sent[name]["number"], 1, "{sent}");
    }
}
