use rustix::process::Signal;

use super::{World, config, stop};

#[tokio::test(flavor = "multi_thread")]
async fn tables_come_and_go_and_the_others_keep_their_streams() {
    let world = World::new().await;
    world.replace("sim.json", &config(&["blocks", "logs"]));
    let mut ampsync = world.start("sim.json", &[]);
    world.equal(&["blocks", "logs"]).await;

    world.replace("sim.json", &config(&["blocks", "logs", "sparse"]));
    let line = ampsync.wait_for("the settings were reloaded");
    assert!(line.contains("added=\"sparse\""), "{line}");
    world.sim.mine(10);
    world.equal(&["blocks", "logs", "sparse"]).await;

    world.replace("sim.json", &config(&["blocks", "sparse"]));
    ampsync.wait_for("removed: its rows and its checkpoint stay");
    ampsync.wait_for("the settings were reloaded");
    let before = world.rows("logs").await;
    world.sim.mine(10);
    world.sim.reorg(15);
    world.equal(&["blocks", "sparse"]).await;
    assert_eq!(world.rows("logs").await, before);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(world.database.count(locks).await, 2, "the right to write is given back");

    world.replace("sim.json", &config(&["blocks", "logs", "sparse"]));
    ampsync.wait_for("the settings were reloaded");
    world.sim.mine(10);
    world.equal(&["blocks", "logs", "sparse"]).await;
    assert_eq!(world.streams("blocks"), 1);
    assert_eq!(world.streams("sparse"), 1);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_other_options_starts_anew_and_no_other_on_sighup() {
    let world = World::new().await;
    world.replace("sim.json", &config(&["blocks", "logs"]));
    world.replace("ampsync.toml", "[tables.logs]\nnul = 'error'\n");
    let options = world.path("ampsync.toml");
    let more = [("AMPSYNC_CONFIG", options.as_str()), ("WATCH_FILES", "off")];
    let mut ampsync = world.start("sim.json", &more);
    world.equal(&["blocks", "logs"]).await;

    world.replace("ampsync.toml", "[tables.logs]\nnul = 'strip'\n");
    ampsync.signal(Signal::HUP);
    let line = ampsync.wait_for("the settings were reloaded");
    assert!(line.contains("changed=\"logs\""), "{line}");
    ampsync.signal(Signal::HUP);
    ampsync.wait_for("the tables stay as they are");
    world.sim.mine(10);
    world.equal(&["blocks", "logs"]).await;
    assert_eq!((world.streams("blocks"), world.streams("logs")), (1, 2));
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_stored_rows_are_others_stops_alone_with_the_reason() {
    let world = World::new().await;
    world.replace("sim.json", &config(&["blocks", "logs"]));
    world.replace("ampsync.toml", "");
    let options = world.path("ampsync.toml");
    let more = [("AMPSYNC_CONFIG", options.as_str()), ("ON_REVISION_CHANGE", "refuse")];
    let mut ampsync = world.start("sim.json", &more);
    world.equal(&["blocks", "logs"]).await;
    world.replace("ampsync.toml", "[tables.logs]\nwhere = 'log_index > 0'\n");
    ampsync.wait_for("the settings were reloaded");
    let line = ampsync.wait_for("the table has stopped for good");
    assert!(line.contains("logs"), "{line}");
    world.replace("ampsync.toml", "[tables.logs]\ntypes = { tx_hash = 'hex' }\n");
    ampsync.wait_for("the settings were reloaded");
    let line = ampsync.wait_for("the table has stopped for good");
    assert!(line.contains("should be text and is bytea"), "{line}");
    assert!(line.contains("run: ALTER TABLE"), "{line}");
    // Taken back, it goes on where it was.
    world.replace("ampsync.toml", "");
    ampsync.wait_for("the settings were reloaded");
    world.sim.mine(10);
    world.equal(&["blocks", "logs"]).await;
    assert_eq!(world.streams("blocks"), 1);
    stop(ampsync);
}
