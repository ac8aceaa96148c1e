//! How the binary gets to its database: with TLS, and not through just any pooler.

use std::time::{Duration, Instant};

use ampsync_testkit::certificates::Authority;
use ampsync_testkit::postgres::{self, Cluster, PgBouncer};
use nozzle_sim::Table;

use crate::pipe::{simulate, start_with};
use crate::process::run;

const NO_TABLES: &str = "SELECT count(*) FROM pg_namespace WHERE nspname = 'ampsync'";

/// A server with a certificate for `name`, and the path of its authority's.
async fn secured(name: &str) -> (Cluster, String) {
    let mut cluster = Cluster::start().await.unwrap();
    let authority = Authority::new().unwrap();
    let certified = authority.issue(name).unwrap();
    cluster.write("server.crt", &certified.certificate).unwrap();
    cluster.write("server.key", &certified.key).unwrap();
    let root = cluster.write("ca.pem", &authority.pem()).unwrap();
    cluster.write("postgresql.auto.conf", "ssl = on\n").unwrap();
    let session = cluster.connect("postgres").await.unwrap();
    session.batch_execute("CREATE ROLE onlooker LOGIN SUPERUSER").await.unwrap();
    let hba = "local all all trust\n\
               hostnossl all onlooker 127.0.0.1/32 trust\n\
               hostssl all postgres 127.0.0.1/32 scram-sha-256\n";
    cluster.write("pg_hba.conf", hba).unwrap();
    cluster.restart().await.unwrap();
    (cluster, root.to_str().unwrap().to_owned())
}

/// The superuser's URL by a name, and nothing of TLS in it.
fn url(cluster: &Cluster, host: &str) -> String {
    let url = cluster.url("postgres").replace("?sslmode=disable", "");
    url.replace("127.0.0.1", host) + "?hostaddr=127.0.0.1"
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_arrive_where_nobody_is_let_in_without_tls() {
    let (cluster, root) = secured("localhost").await;
    let onlooker = postgres::connect(cluster.config("postgres").user("onlooker")).await.unwrap();
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(50);
    let tls = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", root.as_str())];
    let _ampsync = start_with(&sim, &url(&cluster, "localhost"), &tls);
    let deadline = Instant::now() + Duration::from_secs(60);
    let count = async || {
        // Until ampsync has started, the table is not there.
        let row = onlooker.query_one("SELECT count(*) FROM logs", &[]).await;
        row.map_or(0, |row| row.get::<_, i64>(0))
    };
    while count().await == 0 {
        assert!(Instant::now() < deadline, "no row has arrived");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let probe = "SELECT count(*) FILTER (WHERE NOT ssl), count(*) FROM pg_stat_ssl \
                 JOIN pg_stat_activity USING (pid) WHERE application_name = 'ampsync'";
    let row = onlooker.query_one(probe, &[]).await.unwrap();
    let (insecure, all): (i64, i64) = (row.get(0), row.get(1));
    assert!(insecure == 0 && all > 0, "{insecure} of {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_host_is_a_mistake() {
    let (cluster, root) = secured("db.internal").await;
    let url = url(&cluster, "localhost");
    let (code, text) = run(&[
        ("DATASET", "eth"),
        ("TABLES", "logs"),
        ("DATABASE_URL", &url),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", &root),
    ]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("is for db.internal, not for localhost"), "{text}");
    assert!(text.contains("use sslmode=verify-ca"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_without_sessions_is_a_mistake_and_nothing_is_written() {
    let cluster = Cluster::start().await.unwrap();
    let pool = [("pool_mode", "transaction")];
    let Some(bouncer) = PgBouncer::start(&cluster, &pool).await.unwrap() else { return };
    let url = format!("postgres://postgres:any@{}/postgres", bouncer.addr());
    let (code, text) = run(&[("DATASET", "eth"), ("TABLES", "logs"), ("DATABASE_URL", &url)]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("gives each transaction another session"), "{text}");
    assert!(text.contains("pool_mode = session"), "{text}");
    let session = cluster.connect("postgres").await.unwrap();
    assert_eq!(session.query_one(NO_TABLES, &[]).await.unwrap().get::<_, i64>(0), 0);
}
