use std::num::NonZeroUsize;

use ampsync_schema::Ident;
use sink_postgres::{Database, DatabaseOptions, PostgresSink};

use super::Secured;
use crate::support::{filled, plan, ready, sink};
use sync_core::{Classify, Fault, Sink};

const INSECURE: &str = "SELECT count(*), count(*) FILTER (WHERE NOT ssl) \
                        FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                        WHERE application_name = 'ampsync'";

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_of_a_sync_is_secured() {
    let server = Secured::start().await;
    let root = server.ca.display();
    let target = server.target(&format!("sslmode=verify-full sslrootcert={root}"));
    let options = DatabaseOptions::default().with_max_connections(NonZeroUsize::new(3).unwrap());
    let database = Database::connect(target, &options).unwrap();
    let mut one = sink(&database);
    let committed = filled(&mut one, 5).await;
    assert_eq!(one.checkpoint().await.unwrap(), committed);
    let session = server.cluster.connect("postgres").await.unwrap();
    let row = session.query_one(INSECURE, &[]).await.unwrap();
    let (all, insecure): (i64, i64) = (row.get(0), row.get(1));
    // The session that keeps the right to write, and at least one that writes.
    assert!(all >= 2 && insecure == 0, "{insecure} of {all}");
}

/// In the middle of the work a certificate that is refused is no reason to stop for ever: it has
/// been good, and will be renewed.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_is_waited_for() {
    let mut server = Secured::start().await;
    let root = server.ca.display();
    let target = server.target(&format!("sslmode=verify-full sslrootcert={root}"));
    let database = Database::connect(target, &DatabaseOptions::default()).unwrap();
    let mut sink = PostgresSink::new(database, Ident::new("public").unwrap());
    let committed = filled(&mut sink, 5).await;
    let good = server.authority.issue("localhost").unwrap();
    let expired = server.authority.issue_expired("localhost").unwrap();
    server.shows(&expired).await;
    let error = loop {
        // The connections of before may yet have to notice that they have ended.
        match sink.prepare(&plan()).await {
            Err(error) if super::told(&error).contains("expired") => break error,
            Err(error) => assert_ne!(error.fault(), Fault::Permanent, "{}", super::told(&error)),
            Ok(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(error.fault(), Fault::Transient);
    assert!(error.remedy().unwrap().contains("renew"));
    server.shows(&good).await;
    assert_eq!(ready(&mut sink, &plan()).await, committed);
}
