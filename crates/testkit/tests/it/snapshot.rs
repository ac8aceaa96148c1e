use ampsync_testkit::postgres::Cluster;
use ampsync_testkit::snapshot::{Reader, View, Watched};

fn watched() -> Watched {
    Watched { table: "t".into(), number: "n".into(), hash: "h".into() }
}

fn one_fork(view: &View) -> Result<(), String> {
    view.forked().map_or(Ok(()), |block| Err(format!("two forks of {block}")))
}

#[tokio::test]
async fn a_reader_sees_only_what_is_committed_and_survives_a_restart() {
    let mut cluster = Cluster::start().await.unwrap();
    let reader = Reader::start(cluster.config("postgres"), &watched(), one_fork);
    let writer = cluster.connect("postgres").await.unwrap();
    writer.batch_execute("CREATE TABLE t (n int, h bytea)").await.unwrap();
    reader.more(1).await;
    writer.batch_execute("BEGIN; INSERT INTO t VALUES (1, '\\x0a'), (1, '\\x0b')").await.unwrap();
    reader.more(1).await;
    writer.batch_execute("DELETE FROM t WHERE h = '\\x0a'; COMMIT").await.unwrap();
    reader.more(2).await;
    cluster.restart().await.unwrap();
    reader.more(1).await;
    let report = reader.finish().await.unwrap();
    assert!(report.snapshots >= 5);
    assert_eq!(report.changes, 2, "the empty table, and the one row");
}

#[tokio::test]
async fn a_snapshot_with_two_forks_is_refused() {
    let cluster = Cluster::start().await.unwrap();
    let writer = cluster.connect("postgres").await.unwrap();
    writer.batch_execute("CREATE TABLE t (n int, h bytea)").await.unwrap();
    let reader = Reader::start(cluster.config("postgres"), &watched(), one_fork);
    reader.more(1).await;
    writer
        .batch_execute("INSERT INTO t VALUES (3, '\\x0a'), (3, '\\x0b'), (3, '\\x0b')")
        .await
        .unwrap();
    reader.more(10).await;
    let violation = reader.finish().await.unwrap_err();
    assert_eq!(violation.reason, "two forks of 3");
    let seen: Vec<_> = violation.view.blocks.iter().map(|b| (b.hash.as_str(), b.rows)).collect();
    assert_eq!(seen, [("0x0a", 1), ("0x0b", 2)]);
}
