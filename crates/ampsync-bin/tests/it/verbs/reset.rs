//! Tables that begin anew, without harm to one that is being written.

use nozzle_sim::Table;
use rustix::process::Signal;

use super::{run, synced};
use crate::pipe::{Database, simulate, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_reset_is_streamed_anew_and_equal() {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(40);
    for flags in [&["--yes"][..], &["--yes", "--drop"]] {
        let database = synced(&sim).await;
        let url = database.url();
        let answer = run(&[("DATABASE_URL", &url)], &[&["reset", "logs"], flags].concat());
        assert_eq!(answer.code, Some(0), "{}", answer.log);
        let left = "SELECT count(*) FROM ampsync.checkpoints WHERE table_name = 'logs'";
        assert_eq!(database.count(left).await, 0);
        let others = "SELECT count(*) FROM ampsync.checkpoints WHERE cursor_block IS NOT NULL";
        assert_eq!(database.count(others).await, 1);
        let running = start(&sim, &url);
        database.equals(&sim).await;
        running.signal(Signal::TERM);
        running.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_being_written_is_not_reset() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(10);
    let database = Database::create().await;
    let running = start(&sim, &database.url());
    database.equals(&sim).await;
    let answer = run(&[("DATABASE_URL", &database.url())], &["reset", "blocks", "--yes"]);
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    assert!(
        answer.log.contains("pid ") && answer.log.contains("stop that instance"),
        "{}",
        answer.log
    );
    sim.mine(3);
    database.equals(&sim).await;
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_without_an_answer_or_about_an_unknown_table() {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(10);
    let database = synced(&sim).await;
    let url = database.url();
    for (arguments, says) in [
        (&["reset", "logs"][..], "add --yes"),
        (&["reset", "log", "--yes"], "did you mean logs?"),
        (&["reset", "--yes"], "TABLE"),
    ] {
        let answer = run(&[("DATABASE_URL", &url)], arguments);
        assert_eq!(answer.code, Some(2), "{arguments:?}: {}", answer.log);
        assert!(answer.log.contains(says), "{arguments:?}: {}", answer.log);
    }
    database.session.batch_execute("CREATE VIEW v AS SELECT * FROM logs").await.unwrap();
    let answer = run(&[("DATABASE_URL", &url)], &["reset", "logs", "blocks", "--drop", "--yes"]);
    assert_ne!(answer.code, Some(0));
    assert!(answer.log.contains("view v depends on"), "{}", answer.log);
    // All or nothing: neither table was touched.
    database.equals(&sim).await;
}
