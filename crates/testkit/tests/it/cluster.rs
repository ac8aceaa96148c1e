use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use ampsync_testkit::postgres::{Cluster, Stop, connect, shared};
use tokio::net::TcpStream;

async fn one(cluster: &Cluster, database: &str, query: &str) -> i32 {
    cluster.connect(database).await.unwrap().query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_cluster_answers_with_the_settings_asked_for() {
    let cluster = Cluster::start_with(&[("max_connections", "17")]).await.unwrap();
    assert_eq!(
        one(&cluster, "postgres", "SELECT current_setting('max_connections')::int").await,
        17
    );
    let fsync = "SELECT (current_setting('fsync') = 'off')::int";
    assert_eq!(one(&cluster, "postgres", fsync).await, 1);
}

#[tokio::test]
async fn a_wrong_password_is_refused_over_tcp() {
    let cluster = shared().await;
    let mut config = cluster.config("postgres");
    let error = connect(config.password("wrong")).await.unwrap_err();
    let code = error.as_db_error().unwrap().code();
    assert_eq!(code, &tokio_postgres::error::SqlState::INVALID_PASSWORD);
}

#[tokio::test]
async fn each_database_is_its_own() {
    let cluster = shared().await;
    let (a, b) =
        (cluster.create_database().await.unwrap(), cluster.create_database().await.unwrap());
    let session = cluster.connect(&a).await.unwrap();
    session.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(one(cluster, &a, "SELECT n FROM t").await, 1);
    let session = cluster.connect(&b).await.unwrap();
    session.query("SELECT n FROM t", &[]).await.unwrap_err();
}

#[tokio::test]
async fn committed_rows_survive_a_crash_at_the_same_url() {
    let mut cluster = Cluster::start().await.unwrap();
    let database = cluster.create_database().await.unwrap();
    let url = cluster.url(&database);
    let session = connect(&url.parse().unwrap()).await.unwrap();
    session.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (7)").await.unwrap();
    session.batch_execute("BEGIN; INSERT INTO t VALUES (8)").await.unwrap();
    cluster.crash().unwrap();
    session.query("SELECT 1", &[]).await.unwrap_err();
    connect(&url.parse().unwrap()).await.unwrap_err();
    cluster.resume().await.unwrap();
    assert_eq!(cluster.url(&database), url);
    assert_eq!(one(&cluster, &database, "SELECT sum(n)::int FROM t").await, 7);
    cluster.stop(Stop::Fast).unwrap();
    cluster.stop(Stop::Fast).unwrap();
    cluster.restart().await.unwrap();
    assert_eq!(one(&cluster, &database, "SELECT sum(n)::int FROM t").await, 7);
}

#[tokio::test]
async fn a_refused_setting_is_reported_with_the_servers_words() {
    let error = Cluster::start_with(&[("max_connections", "many")]).await.unwrap_err();
    assert!(error.to_string().contains("max_connections"), "{error}");
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_cluster() {
    let cluster = Cluster::start().await.unwrap();
    let addr = cluster.addr();
    let query = "SELECT current_setting('data_directory')";
    let session = cluster.connect("postgres").await.unwrap();
    let data: String = session.query_one(query, &[]).await.unwrap().get(0);
    assert!(std::path::Path::new(&data).exists());
    drop(cluster);
    assert!(!std::path::Path::new(&data).exists());
    TcpStream::connect(addr).await.unwrap_err();
}

/// Set in the process that is to be killed.
const VICTIM: &str = "AMPSYNC_TESTKIT_VICTIM";

#[tokio::test]
async fn nothing_is_left_when_the_process_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        let cluster = Cluster::start().await.unwrap();
        println!("\nport {}", cluster.addr().port());
        std::future::pending::<()>().await;
    }
    let name = "cluster::nothing_is_left_when_the_process_is_killed";
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let port =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix("port ")?.parse().ok());
    let addr = SocketAddr::from(([127, 0, 0, 1], port.unwrap()));
    TcpStream::connect(addr).await.unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    // The keeper works in its own time; a test that hangs here has failed.
    while TcpStream::connect(addr).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
