use ampsync_testkit::proxy::{Fault, PgProxy};
use nozzle_sim::Table;

use super::{Database, simulate, start};

/// Runs the pipe through a proxy that does this to one COMMIT after the other.
async fn commits_meet(fault: Fault) {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(10);
    let database = Database::create().await;
    let proxy = PgProxy::start(database.addr()).await.unwrap();
    let ampsync = start(&sim, &database.url_via(proxy.addr()));
    database.equals(&sim).await;
    for depth in 0..8 {
        let struck = proxy.inject(fault);
        sim.mine(2);
        if depth > 3 {
            sim.reorg(depth);
        }
        struck.await;
        if fault == Fault::StallCommitReply {
            proxy.cut();
            proxy.resume();
        }
        database.equals(&sim).await;
    }
    drop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_is_lost_is_written_once() {
    commits_meet(Fault::DropCommitReply).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrives_is_written_once() {
    commits_meet(Fault::NeverForwardCommit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_hangs_until_the_connection_is_cut_is_written_once() {
    commits_meet(Fault::StallCommitReply).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_cut_off_in_the_middle_are_written_once() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(10);
    let database = Database::create().await;
    let proxy = PgProxy::start(database.addr()).await.unwrap();
    let _ampsync = start(&sim, &database.url_via(proxy.addr()));
    database.equals(&sim).await;
    for bytes in [1, 100, 1_000, 3_000] {
        let struck = proxy.inject(Fault::CutAfterCopyBytes(bytes));
        sim.mine(15);
        struck.await;
        database.equals(&sim).await;
    }
}
