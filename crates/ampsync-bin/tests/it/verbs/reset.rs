//! Tables that begin anew, without harm to one that is being written.

use std::time::{Duration, Instant};

use ampsync_testkit::postgres;
use nozzle_sim::{SchemaChange, SimServer, Table};
use rustix::process::Signal;

use super::{run, synced};
use crate::pipe::{Database, simulate, start, start_with};
use crate::process::ampsync;
use crate::security::privileges::{documented, prepared};
use crate::terminal::AtTerminal;

/// Streams until the tables are where the chain is, and ends.
async fn follows(sim: &SimServer, database: &Database) {
    let running = start(sim, &database.url());
    database.equals(sim).await;
    running.signal(Signal::TERM);
    assert_eq!(running.end().0.code(), Some(0));
}

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
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    assert!(answer.log.contains("(view v depends on table logs)"), "{}", answer.log);
    // All or nothing: neither table was touched.
    database.equals(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_others_refer_to_is_left_as_it_is_and_they_are_named() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(10);
    let database = synced(&sim).await;
    let others = "ALTER TABLE blocks ADD UNIQUE (hash); \
                  CREATE TABLE notes (hash bytea REFERENCES blocks (hash)); \
                  INSERT INTO notes SELECT hash FROM blocks";
    database.session.batch_execute(others).await.unwrap();
    let answer = run(&[("DATABASE_URL", &database.url())], &["reset", "blocks", "--yes"]);
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    for text in ["Table \"notes\" references \"blocks\"", "drop the foreign keys"] {
        assert!(answer.log.contains(text), "no {text:?} in {}", answer.log);
    }
    database.equals(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_table_that_inherits_are_not_taken_with_it() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(10);
    let database = synced(&sim).await;
    let child = "CREATE TABLE archive () INHERITS (blocks); \
                 INSERT INTO archive SELECT * FROM ONLY blocks";
    database.session.batch_execute(child).await.unwrap();
    let answer = run(&[("DATABASE_URL", &database.url())], &["reset", "blocks", "--yes"]);
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    assert!(answer.log.contains("NO INHERIT"), "{}", answer.log);
    assert_eq!(database.count("SELECT count(*) FROM archive").await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_lacks_to_reset_is_granted_by_the_statement_that_is_named() {
    let (sim, role) = prepared().await;
    role.admin(&documented("### An administrator creates everything").replace("logs", "sparse"))
        .await;
    let reset = || run(&[("DATABASE_URL", &role.url())], &["reset", "sparse", "--yes"]);
    let answer = reset();
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    let grant = "GRANT SELECT ON ALL TABLES IN SCHEMA ampsync TO";
    assert!(answer.log.contains(grant), "{}", answer.log);
    role.admin("GRANT SELECT ON TABLE ampsync.reorgs TO ampsync_role").await;
    let answer = reset();
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    let grant = "GRANT DELETE ON TABLE ampsync.checkpoints, ampsync.ranges TO";
    assert!(answer.log.contains(grant), "{}", answer.log);
    role.admin(&documented("### It resets tables")).await;
    role.admin("REVOKE DELETE ON public.sparse FROM ampsync_role").await;
    let answer = reset();
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    let grant = "GRANT DELETE ON TABLE \"public\".\"sparse\" TO";
    assert!(answer.log.contains(grant), "{}", answer.log);
    role.admin("GRANT DELETE ON public.sparse TO ampsync_role").await;
    // It may not truncate, so the rows are deleted.
    let may =
        format!("SELECT has_table_privilege('{}', 'sparse', 'TRUNCATE')::int::bigint", role.name);
    assert_eq!(role.database.count(&may).await, 0);
    let answer = reset();
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    assert_eq!(role.database.count("SELECT count(*) FROM sparse").await, 0);
    let left = "SELECT count(*) FROM ampsync.checkpoints";
    assert_eq!(role.database.count(left).await, 0);
    role.works(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_drops_a_table() {
    let (sim, role) = prepared().await;
    role.admin(&documented("### An administrator creates everything").replace("logs", "sparse"))
        .await;
    role.admin(&documented("### It resets tables")).await;
    let answer = run(&[("DATABASE_URL", &role.url())], &["reset", "sparse", "--drop", "--yes"]);
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    let owner = "as the owner of the table, and reset it again: DROP TABLE \"public\".\"sparse\"";
    assert!(answer.log.contains(owner), "{}", answer.log);
    role.works(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_kept_are_nobodys_until_the_table_is_renamed() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(10);
    let database = synced(&sim).await;
    let url = database.url();
    let reset = ["reset", "blocks", "--keep-rows", "--yes"];
    let answer = run(&[("DATABASE_URL", &url)], &reset);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    assert!(answer.out.contains("rename it"), "{}", answer.out);
    assert_eq!(database.count("SELECT count(*) FROM blocks").await, 10);
    assert_eq!(database.count("SELECT count(*) FROM ampsync.checkpoints").await, 0);
    let (status, log) = start(&sim, &url).end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("rows that did not come from this stream"), "{log}");
    let rename = "ALTER TABLE blocks RENAME TO blocks_before; \
                  ALTER INDEX blocks__block_num_idx RENAME TO blocks_before_idx";
    database.session.batch_execute(rename).await.unwrap();
    follows(&sim, &database).await;
    assert_eq!(database.count("SELECT count(*) FROM blocks_before").await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_columns_no_longer_fit_is_dropped_and_created_as_the_stream_is() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(10);
    let database = synced(&sim).await;
    let url = database.url();
    sim.change_schema("logs", &SchemaChange::Retype("log_index".to_owned()));
    let refuse = [("ON_REVISION_CHANGE", "refuse")];
    let (status, log) = start_with(&sim, &url, &refuse).end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("ampsync reset --drop public.logs"), "{log}");
    let answer = run(&[("DATABASE_URL", &url)], &["reset", "--drop", "public.logs", "--yes"]);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    follows(&sim, &database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_nothing_is_half_done() {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(20);
    let database = synced(&sim).await;
    let url = database.url();
    // Somebody reads, so that the table cannot be emptied yet.
    let reader = postgres::connect(&url.parse().unwrap()).await.unwrap();
    reader.batch_execute("BEGIN; LOCK TABLE logs IN ACCESS SHARE MODE").await.unwrap();
    let mut command = ampsync(&[("DATABASE_URL", &url)]);
    let mut child = command.args(["reset", "blocks", "logs", "--yes"]).spawn().unwrap();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'logs'::regclass";
    awaits(&database, waits, 1).await;
    child.kill().unwrap();
    child.wait().unwrap();
    reader.batch_execute("ROLLBACK").await.unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ampsync' \
                AND datname = current_database()";
    awaits(&database, left, 0).await;
    database.equals(&sim).await;
    // Again, and this time to the end.
    let answer = run(&[("DATABASE_URL", &url)], &["reset", "blocks", "logs", "--yes"]);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    let rows = "SELECT (SELECT count(*) FROM blocks) + (SELECT count(*) FROM logs) \
                + (SELECT count(*) FROM ampsync.checkpoints) + (SELECT count(*) FROM ampsync.ranges)";
    assert_eq!(database.count(rows).await, 0);
    follows(&sim, &database).await;
}

/// Waits until a query counts that many.
async fn awaits(database: &Database, query: &str, wanted: i64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while database.count(query).await != wanted {
        assert!(Instant::now() < deadline, "{query} never came to {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_and_only_yes_is_a_yes() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(10);
    let database = synced(&sim).await;
    let url = database.url();
    let reset = || {
        let mut command = ampsync(&[("DATABASE_URL", &url), ("NO_COLOR", "1")]);
        AtTerminal::asked(command.args(["reset", "blocks"]))
    };
    for no in ["no", "y", ""] {
        let mut asked = reset();
        let question = asked.wait_for("Type yes to go on: ");
        for text in ["All rows of these tables are deleted", "public.blocks", "through block 9"] {
            assert!(question.contains(text), "no {text:?} in {question}");
        }
        asked.types(no);
        let (code, text) = asked.exits();
        assert_eq!(code, Some(2), "{no:?}: {text}");
        assert!(text.contains("nothing was done"), "{text}");
    }
    database.equals(&sim).await;
    let mut asked = reset();
    asked.wait_for("Type yes to go on: ");
    asked.types("yes");
    let (code, text) = asked.exits();
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(database.count("SELECT count(*) FROM blocks").await, 0);
}
