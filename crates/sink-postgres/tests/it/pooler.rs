use ampsync_testkit::postgres::{Cluster, PgBouncer};
use sink_postgres::{ConnectOptions, Database, Error};
use sync_core::{Causes, Classify, Fault, Readiness, Sink};
use tokio_postgres::{Config, SimpleQueryMessage};

use crate::support::{block, blocks_of, filled, options, plan, ready, sink};

/// A cluster of its own, so that nobody else's sessions are in the pool.
async fn pooled(settings: &[(&str, &str)]) -> Option<(Cluster, PgBouncer)> {
    let cluster = Cluster::start().await.unwrap();
    let bouncer = PgBouncer::start(&cluster, settings).await.unwrap()?;
    Some((cluster, bouncer))
}

fn target(bouncer: &PgBouncer) -> Config {
    let mut config = Config::new();
    config.host(bouncer.addr().ip().to_string()).port(bouncer.addr().port());
    config.user("postgres").password("any").dbname("postgres");
    config
}

/// The tables and settings that somebody may have left.
const TRACES: &str = "SELECT count(*) FROM pg_namespace WHERE nspname = 'ampsync' \
                      OR EXISTS (SELECT FROM pg_class WHERE relname = 'logs') \
                      OR EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')";

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_gives_each_transaction_another_session_is_refused_before_anything_is_done() {
    for settings in [
        &[("pool_mode", "transaction")][..],
        &[("pool_mode", "transaction"), ("server_round_robin", "1")],
        &[("pool_mode", "transaction"), ("default_pool_size", "1")],
        &[("pool_mode", "statement")],
    ] {
        let Some((cluster, bouncer)) = pooled(settings).await else { return };
        let config = target(&bouncer);
        let error = ConnectOptions::from(config.clone()).probe().await.unwrap_err();
        assert!(matches!(error, Error::TransactionPooling), "{settings:?}: {}", Causes(&error));

        let database = Database::connect(config, &options()).unwrap();
        let error = sink(&database).prepare(&plan()).await.unwrap_err();
        assert!(matches!(error, Error::TransactionPooling), "{settings:?}: {}", Causes(&error));
        assert_eq!(error.fault(), Fault::Permanent);
        assert!(error.remedy().unwrap().contains("pool_mode = session"));
        let session = cluster.connect("postgres").await.unwrap();
        let traces: i64 = session.query_one(TRACES, &[]).await.unwrap().get(0);
        assert_eq!(traces, 0, "{settings:?}");
        // Nor did a setting of ours stay in a session that others will be given.
        let through = ampsync_testkit::postgres::connect(&target(&bouncer)).await.unwrap();
        let messages = through.simple_query("SHOW synchronous_commit").await.unwrap();
        let shown = messages.iter().find_map(|message| {
            let SimpleQueryMessage::Row(row) = message else { return None };
            row.get(0)
        });
        assert_eq!(shown, Some("on"), "{settings:?}");
    }
}

/// A busy pool gives a connection now this session and now that one, mostly at once.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_found_among_other_clients() {
    let Some((_cluster, bouncer)) = pooled(&[("pool_mode", "transaction")]).await else { return };
    let mut others = tokio::task::JoinSet::new();
    let stop = tokio_util::sync::CancellationToken::new();
    for _ in 0..6 {
        let (config, stop) = (target(&bouncer), stop.clone());
        others.spawn(async move {
            let session = ampsync_testkit::postgres::connect(&config).await.unwrap();
            while !stop.is_cancelled() {
                session.simple_query("SELECT pg_sleep(0.001)").await.unwrap();
            }
        });
    }
    let mut found = 0;
    for _ in 0..20 {
        match ConnectOptions::from(target(&bouncer)).probe().await {
            Err(Error::TransactionPooling) => found += 1,
            Err(error) => panic!("{}", Causes(&error)),
            Ok(()) => {}
        }
    }
    println!("found {found} times of 20");
    assert!(found > 0);
    stop.cancel();
    others.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_sessions_whole_works() {
    let Some((cluster, bouncer)) = pooled(&[("pool_mode", "session")]).await else { return };
    let database = Database::connect(target(&bouncer), &options()).unwrap();
    let mut one = sink(&database);
    let committed = filled(&mut one, 5).await;
    let session = cluster.connect("postgres").await.unwrap();
    assert_eq!(blocks_of(&session).await, [0, 1, 2, 3, 4, 5]);
    // The right to write is a session's, and another process stands by.
    let other = Database::connect(target(&bouncer), &options()).unwrap();
    let mut two = sink(&other);
    assert_eq!(two.prepare(&plan()).await.unwrap(), Readiness::Standby);
    drop((one, database));
    while two.prepare(&plan()).await.unwrap() == Readiness::Standby {
        tokio::task::yield_now().await;
    }
    assert_eq!(two.checkpoint().await.unwrap(), committed);
    assert_eq!(committed.cursor.unwrap().number, block(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_refuses_options_says_which_setting_helps() {
    let with_options = |bouncer: &PgBouncer| {
        let mut config = target(bouncer);
        config.options("-c synchronous_commit=on");
        ConnectOptions::from(config)
    };
    let session = ("pool_mode", "session");
    let Some((_cluster, bouncer)) = pooled(&[session]).await else { return };
    let error = with_options(&bouncer).probe().await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent, "{}", Causes(&error));
    let remedy = error.remedy().unwrap();
    assert!(remedy.contains("ignore_startup_parameters = options"), "{remedy}");

    let ignored = ("ignore_startup_parameters", "options");
    let Some((_cluster, bouncer)) = pooled(&[session, ignored]).await else { return };
    let database = Database::connect(with_options(&bouncer), &options()).unwrap();
    ready(&mut sink(&database), &plan()).await;
}
