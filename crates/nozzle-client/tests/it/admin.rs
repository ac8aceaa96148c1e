use std::time::Duration;

use nozzle_client::admin::{AdminClient, AdminError, DatasetQuery, ExactRevision};
use nozzle_sim::{Era, SimConfig, SimServer};
use sync_core::{Classify, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

fn sim(revision: Option<&str>) -> DatasetQuery<'_> {
    DatasetQuery { namespace: None, name: "sim", revision }
}

async fn server(config: SimConfig) -> (SimServer, AdminClient) {
    let server = SimServer::start(config).await.unwrap();
    let client = AdminClient::new(&server.admin_endpoint()).unwrap();
    (server, client)
}

/// Answers every connection with these bytes and closes it; without any it stays open.
async fn answering(answer: Vec<u8>) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await;
            if read.and(stream.write_all(&answer).await).is_ok() && answer.is_empty() {
                open.push(stream);
            }
        }
    });
    (endpoint, serving)
}

fn http(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn every_revision_is_resolved_to_the_hash_of_its_manifest() {
    let (server, client) = server(SimConfig::default()).await;
    let hash = server.config().manifest_hash();
    for revision in [None, Some("latest"), Some("dev"), Some("0.0.1"), Some(hash.as_str())] {
        let resolved = client.resolve(&sim(revision)).await.unwrap();
        assert_eq!(resolved.revision, ExactRevision::Hash(hash.clone()), "{revision:?}");
        assert_eq!(resolved.tables, ["blocks", "logs", "transactions", "sparse"]);
    }
    let moved = server.repoint();
    assert_ne!(moved, hash);
    let resolved = client.resolve(&sim(Some("0.0.1"))).await.unwrap();
    assert_eq!(resolved.revision, ExactRevision::Hash(moved));
    let pinned = client.resolve(&sim(Some(&hash))).await.unwrap();
    assert_eq!(pinned.revision, ExactRevision::Hash(hash));
    assert_eq!(client.tables(&sim(None)).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_dataset_that_is_not_there_is_waited_for() {
    let (server, client) = server(SimConfig { registered: false, ..SimConfig::default() }).await;
    let error = client.resolve(&sim(None)).await.unwrap_err();
    assert_eq!(error.to_string(), "the server has no dataset _/sim@latest");
    assert_eq!(error.fault(), Fault::Transient);
    server.register();
    client.resolve(&sim(None)).await.unwrap();
    for unknown in [
        sim(Some("9.9.9")),
        DatasetQuery { namespace: Some("other"), ..sim(None) },
        DatasetQuery { name: "other", ..sim(None) },
    ] {
        let error = client.resolve(&unknown).await.unwrap_err();
        assert!(matches!(error, AdminError::NotFound { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_server_before_namespaces_says_the_version_and_its_newest_edit() {
    let (server, client) =
        server(SimConfig { era: Era::OCTOBER_2025, ..SimConfig::default() }).await;
    let edit = |hash: &str| ExactRevision::Version(format!("0.0.1-{}", &hash[..16]));
    let first = edit(&server.config().manifest_hash());
    for revision in [None, Some("latest"), Some("0.0.1")] {
        let resolved = client.resolve(&sim(revision)).await.unwrap();
        assert_eq!(resolved.revision, first, "{revision:?}");
        assert_eq!(resolved.tables, ["blocks", "logs", "transactions", "sparse"]);
    }
    let second = edit(&server.repoint());
    assert_eq!(client.resolve(&sim(Some("0.0.1"))).await.unwrap().revision, second);
    let ExactRevision::Version(exact) = &first else { panic!("{first:?}") };
    assert_eq!(client.resolve(&sim(Some(exact))).await.unwrap().revision, first);
    for unknown in ["0.0", "0.0.2"] {
        let error = client.resolve(&sim(Some(unknown))).await.unwrap_err();
        assert!(matches!(error, AdminError::NotFound { .. }), "{unknown}: {error}");
    }
    let elsewhere = DatasetQuery { namespace: Some("other"), ..sim(None) };
    let error = client.resolve(&elsewhere).await.unwrap_err();
    assert!(matches!(error, AdminError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn the_token_is_sent_and_never_shown() {
    let token = Some("hunter2".to_owned());
    let (server, client) = server(SimConfig { token, ..SimConfig::default() }).await;
    let error = client.resolve(&sim(None)).await.unwrap_err();
    assert!(matches!(error, AdminError::Status { status: 401, .. }), "{error}");
    assert_eq!(error.fault(), Fault::Transient);
    assert!(error.remedy().unwrap().contains("NOZZLE_AUTH_TOKEN"));
    let client = AdminClient::builder(&server.admin_endpoint()).bearer_token("hunter2");
    let client = client.build().unwrap();
    client.resolve(&sim(None)).await.unwrap();
    assert!(!format!("{client:?}").contains("hunter2"));

    let (endpoint, _serving) = answering(http("403 Forbidden", "no such token: hunter2")).await;
    let client = AdminClient::builder(&endpoint).bearer_token("hunter2").build().unwrap();
    let error = client.resolve(&sim(None)).await.unwrap_err().to_string();
    assert!(error.contains("403: no such token: ***"), "{error}");
}

#[tokio::test]
async fn what_is_no_answer_of_an_admin_api_says_so() {
    let failure = r#"{"error_code": "METADATA_DB_ERROR", "error_message": "no connection"}"#;
    for (answer, fault, text) in [
        (http("404 Not Found", "<html>"), Fault::Transient, "answered /datasets/sim with 404"),
        (http("200 OK", "<html>"), Fault::Transient, "could not be read"),
        (http("200 OK", r#"{"tables": []}"#), Fault::Transient, "could not be read"),
        (
            http("500 Internal Server Error", failure),
            Fault::Transient,
            "with 500: METADATA_DB_ERROR: no connection",
        ),
        (http("400 Bad Request", "no"), Fault::Permanent, "with 400: no"),
        (http("200 OK", &" ".repeat(9 << 20)), Fault::Transient, "larger than 8 MiB"),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), Fault::Transient, "cannot be reached"),
    ] {
        let (endpoint, _serving) = answering(answer).await;
        let client = AdminClient::new(&endpoint).unwrap();
        let error = client.resolve(&sim(None)).await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.fault(), fault, "{error}");
        assert!(error.remedy().is_some(), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let (endpoint, _serving) = answering(Vec::new()).await;
    let builder = AdminClient::builder(&endpoint).timeout(Duration::from_millis(50));
    let error = builder.build().unwrap().resolve(&sim(None)).await.unwrap_err();
    assert!(matches!(error, AdminError::Timeout { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Transient);
    let client = AdminClient::new("http://127.0.0.1:1").unwrap();
    let error = client.resolve(&sim(None)).await.unwrap_err();
    assert!(matches!(error, AdminError::Connection(_)), "{error}");
}

#[test]
fn an_endpoint_is_checked_and_its_password_not_shown() {
    for bad in
        ["localhost:1610", "ftp://localhost", "http://", "http://me:hunter2@host", "http://a?b"]
    {
        let error = AdminClient::new(bad).unwrap_err();
        assert_eq!(error.fault(), Fault::Permanent);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    for good in ["http://localhost:1610/", "http://[::1]:1610", "http://gateway/amp/admin"] {
        AdminClient::new(good).unwrap();
    }
}
