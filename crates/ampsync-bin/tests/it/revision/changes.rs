use ampsync_testkit::postgres;
use serde_json::json;

use super::*;
use crate::http::client::{ANY_PORT, address, get};
use crate::pipe::start_with;
use crate::reload::stop;
use crate::security::privileges::{documented, prepared};

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_changes_is_exchanged_under_readers_who_notice_nothing() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    let readers = Readers::of(&world).await;
    world.replace("ampsync.toml", FILTER);
    for _ in 0..5 {
        world.sim.mine(4);
        world.sim.reorg(2);
    }
    ampsync.wait_for(BESIDE);
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, FILTERED).await;
    world.equal(&["blocks"]).await;
    readers.finish().await;
    assert_eq!(world.streams("blocks"), 1);
    // What was there is kept, and nobody follows it any more.
    let kept = "SELECT count(*) FROM ampsync.checkpoints \
                WHERE table_name = 'logs__v1' AND kind = 'previous' AND of_table = 'logs'";
    assert_eq!(world.database.count(kept).await, 1);
    assert!(world.rows("logs__v1").await > 0);
    // Taken back, it is taken up where it was.
    world.replace("ampsync.toml", "");
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, ALL).await;
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_taken_back_leaves_the_table_as_it_was() {
    let world = world().await;
    let mut ampsync = start(&world, &[ANY_PORT]);
    let http = address(&ampsync.wait_for("the live page are served")).unwrap();
    equals(&world, ALL).await;
    // Whoever reads for long keeps the new one from being put in place.
    let reader = postgres::connect(&world.database.url().parse().unwrap()).await.unwrap();
    reader.batch_execute("BEGIN; SELECT FROM logs LIMIT 1").await.unwrap();
    world.replace("ampsync.toml", FILTER);
    let line = ampsync.wait_for("ready and not in place yet");
    assert!(line.contains("is locked by pid"), "{line}");
    world.sim.mine(5);
    compares(&world, "logs__next", FILTERED).await;
    equals(&world, ALL).await;
    let status = get(http, "/status").json();
    assert_eq!(status["ready"], true, "{status}");
    assert_eq!(status["revisions"][0]["table"], "logs");
    assert!(status["revisions"][0]["blocked"].as_str().unwrap().contains("locked"), "{status}");
    let ready = get(http, "/readyz");
    assert_eq!((ready.code, &ready.json()["ready"]), (200, &json!(true)));
    assert_eq!(ready.json()["blocked"][0]["table"], "logs");
    let reason = ready.json()["blocked"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("is locked by pid"), "{reason}");
    let metrics = get(http, "/metrics").body;
    assert!(metrics.contains("ampsync_revision_blocked{table=\"logs\"} 1"), "{metrics}");
    world.replace("ampsync.toml", "");
    ampsync.wait_for("the next revision was given up");
    ampsync.wait_for("the settings were reloaded");
    reader.batch_execute("COMMIT").await.unwrap();
    world.sim.mine(5);
    equals(&world, ALL).await;
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'logs\\_\\_%' AND relkind = 'r'";
    assert_eq!(world.database.count(left).await, 0);
    assert_eq!(get(http, "/status").json()["revisions"], json!([]));
    assert_eq!(get(http, "/readyz").json().get("blocked"), None);
    assert_eq!(world.streams("logs WHERE"), 1);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_a_table_and_cannot_be_carried_is_named_until_it_is_gone() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    let view = "CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM logs";
    world.database.session.batch_execute(view).await.unwrap();
    world.replace("ampsync.toml", FILTER);
    let line = ampsync.wait_for("ready and not in place yet");
    assert!(line.contains("materialized view public.sums"), "{line}");
    world.sim.mine(5);
    equals(&world, ALL).await;
    world.database.session.batch_execute("DROP MATERIALIZED VIEW sums").await.unwrap();
    ampsync.signal(rustix::process::Signal::HUP);
    ampsync.wait_for(IN_PLACE);
    equals(&world, FILTERED).await;
    stop(ampsync);
}

/// An index whose building waits for the test, and nothing else that is done to the table.
const HELD_UP: &str = "
CREATE FUNCTION held_up(value bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
  'BEGIN IF current_query() LIKE ''CREATE INDEX%'' THEN PERFORM pg_advisory_xact_lock_shared(77); END IF;
   RETURN value; END';
CREATE INDEX slow ON logs (public.held_up(_block_num));
SELECT pg_advisory_lock(77)";

const WAITING: &str = "SELECT count(*) FROM pg_locks \
                       WHERE locktype = 'advisory' AND objid = 77 AND NOT granted \
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_an_index_that_is_built_before_an_exchange() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    world.database.session.batch_execute(HELD_UP).await.unwrap();
    world.replace("ampsync.toml", FILTER);
    awaits(&world, WAITING, 1).await;
    ampsync.wait_for("the settings were reloaded");
    world.replace("sim.json", &config(&["blocks", "logs", "sparse"]));
    ampsync.wait_for("the settings were reloaded");
    world.equal(&["sparse"]).await;
    // The end does not either, and leaves no statement behind.
    stop(ampsync);
    awaits(&world, WAITING, 0).await;
    let mut ampsync = start(&world, &[]);
    awaits(&world, WAITING, 1).await;
    world.replace("ampsync.toml", "");
    ampsync.wait_for("the next revision was given up");
    awaits(&world, WAITING, 0).await;
    world.replace("ampsync.toml", FILTER);
    awaits(&world, WAITING, 1).await;
    world.database.session.batch_execute("SELECT pg_advisory_unlock(77)").await.unwrap();
    ampsync.wait_for(IN_PLACE);
    equals(&world, FILTERED).await;
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_pointed_to_another_manifest_is_followed() {
    let world = World::new().await;
    let mut ampsync = world.start_with_tag(&[("DATASET_POLL_INTERVAL", "1")]);
    world.equal(&["logs"]).await;
    let readers = Readers::of(&world).await;
    let second = world.sim.repoint();
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(10);
    world.equal(&["logs"]).await;
    readers.finish().await;
    let of = format!(
        "SELECT count(*) FROM ampsync.checkpoints WHERE table_name = 'logs' AND dataset LIKE '%{second}'"
    );
    assert_eq!(world.database.count(&of).await, 1);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_has_forgotten_the_old_revision_it_is_served_until_the_new_one_is_in_place()
 {
    let world = World::new().await;
    let ampsync = world.start_with_tag(&[]);
    world.equal(&["logs"]).await;
    stop(ampsync);
    world.sim.repoint();
    world.sim.forget_revisions();
    let reader = postgres::connect(&world.database.url().parse().unwrap()).await.unwrap();
    reader.batch_execute("BEGIN; SELECT FROM logs LIMIT 1").await.unwrap();
    let before = world.rows("logs").await;
    let mut ampsync = world.start_with_tag(&[ANY_PORT]);
    let http = address(&ampsync.wait_for("the live page are served")).unwrap();
    let line = ampsync.wait_for("not found");
    assert!(line.contains("table=\"logs\"") || line.contains("table=logs "), "{line}");
    let ready = get(http, "/readyz");
    assert_eq!(ready.code, 503, "{}", ready.body);
    let reasons = ready.json()["reasons"].as_array().unwrap().clone();
    assert_eq!((reasons.len(), &reasons[0]["table"]), (1, &json!("logs")), "{reasons:?}");
    assert!(reasons[0]["error"].as_str().unwrap().contains("not found"), "{reasons:?}");
    // The process goes on: the new one is filled, and waits for the reader.
    ampsync.wait_for("ready and not in place yet");
    world.sim.mine(5);
    world.database.reaches("logs__next", &world.sim.chain().head().unwrap().hash).await;
    assert_eq!(world.rows("logs").await, before, "it is served, and not followed");
    reader.batch_execute("COMMIT").await.unwrap();
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    world.equal(&["logs"]).await;
    let ready = get(http, "/readyz");
    assert_eq!(ready.code, 200, "{}", ready.body);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_dataset_is_a_mistake_and_no_revision() {
    let world = world().await;
    let ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    stop(ampsync);
    let other =
        "UPDATE ampsync.checkpoints SET dataset = '_/other@0.0.1' WHERE table_name = 'logs'";
    world.database.session.batch_execute(other).await.unwrap();
    let mut ampsync = start(&world, &[]);
    let line = ampsync.wait_for("the table cannot change its revision");
    assert!(line.contains("is another dataset than _/other@0.0.1"), "{line}");
    ampsync.wait_for("the table has stopped for good");
    world.equal(&["blocks"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_owns_nothing_is_told_what_a_change_would_take() {
    let (sim, role) = prepared().await;
    role.admin(&documented("### An administrator creates everything").replace("logs", "sparse"))
        .await;
    let folder = tempfile::tempdir().unwrap();
    let options = folder.path().join("ampsync.toml");
    std::fs::write(&options, "[tables.sparse]\nwhere = 'amount IS NOT NULL'\n").unwrap();
    let more = [("AMPSYNC_CONFIG", options.to_str().unwrap())];
    let mut ampsync = start_with(&sim, &role.url(), &more);
    let line = ampsync.wait_for("the table cannot change its revision");
    assert!(line.contains("does not own the table"), "{line}");
    assert!(line.contains("ALTER TABLE") && line.contains("OWNER TO"), "{line}");
    assert_eq!(ampsync.end().0.code(), Some(3));
    // A table that cannot hold what is planned is told with what would help, as without revisions.
    std::fs::write(&options, "[tables.sparse]\ntypes = { amount = 'numeric' }\n").unwrap();
    let mut ampsync = start_with(&sim, &role.url(), &more);
    let line = ampsync.wait_for("the table cannot be replaced by another");
    assert!(line.contains("does not own the table"), "{line}");
    let line = ampsync.wait_for("the table has stopped for good");
    assert!(line.contains("should be numeric") && line.contains("run: ALTER TABLE"), "{line}");
    assert_eq!(ampsync.end().0.code(), Some(3));
    role.works(&sim).await;
}
