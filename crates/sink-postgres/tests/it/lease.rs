use ampsync_testkit::postgres::shared;
use ampsync_testkit::proxy::PgProxy;
use sink_postgres::{Database, Error, PostgresSink};
use sync_core::{Classify, Fault, Readiness, Sink, TablePlan};

use crate::support::*;

const END_ALL: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                       WHERE application_name = 'ampsync' AND datname = current_database()";

/// Asks until the sink may write, as the engine does.
async fn wait_until_ready(sink: &mut PostgresSink, plan: &TablePlan) {
    while sink.prepare(plan).await.unwrap() == Readiness::Standby {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_second_instance_stands_by_until_the_first_is_gone() {
    let world = World::new().await;
    let mut first = world.sink();
    let committed = filled(&mut first, 3).await;
    let mut second = sink(&world.other_process().await);
    assert_eq!(second.prepare(&plan()).await.unwrap(), Readiness::Standby);
    assert!(matches!(second.begin().await, Err(Error::LeaseLost)));
    drop(first);
    wait_until_ready(&mut second, &plan()).await;
    assert_eq!(second.checkpoint().await.unwrap(), committed);
}

#[tokio::test]
async fn a_second_instance_takes_over_when_the_firsts_session_dies() {
    let world = World::new().await;
    let mut first = world.sink();
    let committed = filled(&mut first, 3).await;
    let mut second = sink(&world.other_process().await);
    assert_eq!(second.prepare(&plan()).await.unwrap(), Readiness::Standby);
    let standby = "AND pid <> ALL (SELECT pid FROM pg_stat_activity a WHERE NOT EXISTS \
                   (SELECT FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'advisory'))";
    world.session.batch_execute(&format!("{END_ALL} {standby}")).await.unwrap();
    assert_eq!(second.prepare(&plan()).await.unwrap(), Readiness::Ready(committed.clone()));
    let after = advance(&committed, &[range(4, 4)]);
    commit(&mut second, &[], &[rows(&[4])], &after).await.unwrap();
    // The first one cannot write, whether or not it has noticed.
    assert_eq!(first.prepare(&plan()).await.unwrap(), Readiness::Standby);
    let error = first.begin().await.unwrap_err();
    assert_eq!(error.fault(), Fault::Fenced);
}

#[tokio::test]
async fn a_lost_session_is_replaced_by_the_next_preparation() {
    let world = World::new().await;
    let mut sink = world.sink();
    let committed = filled(&mut sink, 3).await;
    world.session.batch_execute(END_ALL).await.unwrap();
    while sink.begin().await.is_ok() {
        // The client has yet to hear of it.
        tokio::task::yield_now().await;
    }
    assert_eq!(ready(&mut sink, &plan()).await, committed);
}

#[tokio::test]
async fn our_own_session_that_hangs_does_not_keep_us_out() {
    let world = World::new().await;
    let cluster = shared().await;
    let proxy = PgProxy::start(cluster.addr()).await.unwrap();
    let config = config_via(&world.name, proxy.addr(), &cluster.config(&world.name));
    let database = Database::connect(config, &impatient()).unwrap();
    let mut one = sink(&database);
    let committed = filled(&mut one, 3).await;
    proxy.stall();
    let mut two = sink(&database);
    let other = plan_of("other", plan().schema.as_ref().clone());
    let error = two.prepare(&other).await.unwrap_err();
    assert!(matches!(error, Error::Stalled { .. }), "{error}");
    proxy.resume();
    assert!(matches!(one.begin().await, Err(Error::LeaseLost)));
    assert_eq!(ready(&mut one, &plan()).await, committed);
    ready(&mut two, &other).await;
}

#[tokio::test]
async fn one_process_does_not_open_a_table_twice() {
    let world = World::new().await;
    let (mut first, mut second) = (world.sink(), world.sink());
    ready(&mut first, &plan()).await;
    let error = second.prepare(&plan()).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyOpen(_)), "{error}");
    drop(first);
    wait_until_ready(&mut second, &plan()).await;
}

#[tokio::test]
async fn many_tables_started_by_two_processes_at_once_are_each_written_by_one() {
    let world = World::new().await;
    let databases = [world.database.clone(), world.other_process().await];
    let schema = plan().schema.as_ref().clone();
    let mut tasks = tokio::task::JoinSet::new();
    for table in 0..12 {
        for database in &databases {
            let mut sink = sink(database);
            let plan = plan_of(&format!("t{table}"), schema.clone());
            tasks.spawn(async move {
                let ready = sink.prepare(&plan).await.unwrap() != Readiness::Standby;
                (ready, sink)
            });
        }
    }
    // The sinks are kept, so that nobody takes over.
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|(ready, _)| *ready).count(), 12);
    assert_eq!(world.number("SELECT count(*) FROM ampsync.checkpoints").await, 12);
}
