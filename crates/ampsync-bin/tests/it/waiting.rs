use ampsync_testkit::postgres;
use rustix::process::Signal;

use crate::process::Running;

/// Nobody listens on the first port of this machine.
const NOWHERE: &str = "127.0.0.1:1";

#[test]
fn an_unreachable_database_is_waited_for() {
    let url = format!("postgres://me:hunter2@{NOWHERE}/app");
    let mut ampsync = Running::start(&[
        ("DATASET", "eth"),
        ("TABLES", "logs"),
        ("DATABASE_URL", &url),
        ("NOZZLE_AUTH_TOKEN", "hunter3"),
        ("RUST_LOG", "trace"),
    ]);
    ampsync.wait_for("the database cannot be used yet: trying again");
    ampsync.wait_for("the database cannot be used yet: trying again");
    ampsync.signal(Signal::TERM);
    let (status, text) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("127.0.0.1:1/app"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}

#[tokio::test]
async fn an_unreachable_server_is_waited_for_and_nothing_is_written() {
    let cluster = postgres::shared().await;
    let database = cluster.create_database().await.unwrap();
    let mut ampsync = Running::start(&[
        ("DATASET", "my/eth@1.0.0"),
        ("TABLES", "blocks,logs"),
        ("DATABASE_URL", &cluster.url(&database)),
        ("NOZZLE_ENDPOINT", &format!("http://{NOWHERE}")),
        ("NOZZLE_AUTH_TOKEN", "hunter3"),
        ("LOG_FORMAT", "json"),
    ]);
    ampsync.wait_for("ampsync starts");
    ampsync.wait_for("trying again");
    ampsync.wait_for("trying again");
    ampsync.wait_for("trying again");
    ampsync.signal(Signal::INT);
    let (status, text) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(!text.contains("hunter3"), "{text}");
    let password = cluster.config("x").get_password().unwrap().to_owned();
    assert!(!text.contains(std::str::from_utf8(&password).unwrap()), "{text}");

    let session = cluster.connect(&database).await.unwrap();
    let tables = "SELECT count(*) FROM pg_tables \
                  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let count: i64 = session.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}
