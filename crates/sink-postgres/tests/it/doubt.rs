//! Commits whose connection is lost.

use ampsync_testkit::postgres::shared;
use ampsync_testkit::proxy::{Fault, PgProxy};
use sink_postgres::{Database, PostgresSink};
use sync_core::{Checkpoint, CommitError, Sink};

use crate::support::*;

async fn behind_a_proxy() -> (World, PgProxy, PostgresSink, Checkpoint) {
    let world = World::new().await;
    let cluster = shared().await;
    let proxy = PgProxy::start(cluster.addr()).await.unwrap();
    let config = config_via(&world.name, proxy.addr(), &cluster.config(&world.name));
    let mut sink = sink(&Database::connect(config, &options()).unwrap());
    let checkpoint = filled(&mut sink, 2).await;
    (world, proxy, sink, checkpoint)
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_in_doubt_and_was_done() {
    let (world, proxy, mut sink, before) = behind_a_proxy().await;
    let struck = proxy.inject(Fault::DropCommitReply);
    let after = advance(&before, &[range(3, 3)]);
    let result = commit(&mut sink, &[], &[rows(&[3])], &after).await;
    assert!(matches!(result, Err(CommitError::InDoubt(_))), "{result:?}");
    struck.await;
    assert_eq!(sink.checkpoint().await.unwrap().commit, Some(after.commit));
    assert_eq!(world.blocks().await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_commit_that_never_arrives_is_in_doubt_and_can_be_repeated() {
    let (world, proxy, mut sink, before) = behind_a_proxy().await;
    let struck = proxy.inject(Fault::NeverForwardCommit);
    let after = advance(&before, &[range(3, 3)]);
    let result = commit(&mut sink, &[], &[rows(&[3])], &after).await;
    assert!(matches!(result, Err(CommitError::InDoubt(_))), "{result:?}");
    struck.await;
    assert_eq!(sink.checkpoint().await.unwrap(), before);
    commit(&mut sink, &[], &[rows(&[3])], &after).await.unwrap();
    assert_eq!(world.blocks().await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_the_rows_aborts() {
    let (world, proxy, mut sink, before) = behind_a_proxy().await;
    let blocks: Vec<_> = (3..20_003).collect();
    let after = advance(&before, &[range(3, 20_002)]);
    let struck = proxy.inject(Fault::CutAfterCopyBytes(100_000));
    let result = commit(&mut sink, &[], &[rows(&blocks)], &after).await;
    assert!(matches!(result, Err(CommitError::Aborted(_))), "{result:?}");
    struck.await;
    assert_eq!(sink.checkpoint().await.unwrap(), before);
    assert_eq!(world.blocks().await, [0, 1, 2]);
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_commit_leaves_it_in_doubt() {
    let world = World::new().await;
    let cluster = shared().await;
    let proxy = PgProxy::start(cluster.addr()).await.unwrap();
    let config = config_via(&world.name, proxy.addr(), &cluster.config(&world.name));
    let mut sink = sink(&Database::connect(config, &impatient()).unwrap());
    let before = filled(&mut sink, 2).await;
    let struck = proxy.inject(Fault::StallCommitReply);
    let after = advance(&before, &[range(3, 3)]);
    let result = commit(&mut sink, &[], &[rows(&[3])], &after).await;
    assert!(matches!(result, Err(CommitError::InDoubt(_))), "{result:?}");
    struck.await;
    proxy.resume();
    assert_eq!(sink.checkpoint().await.unwrap(), before.advanced(&after));
}
