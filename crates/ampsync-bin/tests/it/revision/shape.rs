//! Stored tables that cannot hold what is planned, although they have the rows of it.

use nozzle_sim::SchemaChange;
use rustix::process::Signal;

use super::rollback::roll_back;
use super::*;
use crate::reload::stop;

const HEX: &str = "[tables.logs]\ntypes = { tx_hash = 'hex' }\n";

const STOPPED: &str = "the table has stopped for good";

const WAITS: &str = "ready and not in place yet";

const ROLLED_BACK: &str = "was rolled back: the table of before goes on";

/// How many rows there are, and how many have the hash as text.
const HASHES: &str =
    "SELECT count(*), count(*) FILTER (WHERE left(tx_hash::text, 1) = '0') FROM logs";

async fn ty(world: &World, column: &str) -> String {
    let query = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute \
                 WHERE attrelid = 'public.logs'::regclass AND attname = $1";
    world.database.session.query_one(query, &[&column]).await.unwrap().get(0)
}

/// How many revisions of `logs` there are of a kind.
async fn kinds(world: &World, kind: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM ampsync.checkpoints WHERE of_table = 'logs' AND kind = '{kind}'"
    );
    world.database.count(&query).await
}

/// What the catalog calls the table that is being filled.
async fn next(world: &World) -> i64 {
    world.database.count("SELECT coalesce(to_regclass('public.logs__next')::oid::bigint, 0)").await
}

/// Whoever reads for long keeps the new table from being put in place, until this is dropped.
async fn hold(world: &World) -> postgres::Session {
    let reader = postgres::connect(&world.database.url().parse().unwrap()).await.unwrap();
    reader.batch_execute("BEGIN; SELECT FROM logs LIMIT 1").await.unwrap();
    reader
}

#[tokio::test(flavor = "multi_thread")]
async fn another_type_is_exchanged_under_readers_who_notice_nothing() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    let readers = Readers::seeing(&world, HASHES).await;
    let reader = hold(&world).await;
    world.replace("ampsync.toml", HEX);
    for _ in 0..5 {
        world.sim.mine(4);
        world.sim.reorg(2);
    }
    ampsync.wait_for(BESIDE);
    ampsync.wait_for(WAITS);
    // The one that is read is followed meanwhile, as it is.
    world.sim.mine(5);
    world.sim.reorg(2);
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "tx_hash").await, "bytea");
    compares(&world, "logs__next", ALL).await;
    reader.batch_execute("COMMIT").await.unwrap();
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "tx_hash").await, "text");
    assert_eq!((kinds(&world, "previous").await, kinds(&world, "next").await), (1, 0));
    assert_eq!(world.streams("blocks"), 1);
    // Taken back, what was kept is taken up where it was.
    world.replace("ampsync.toml", "");
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "tx_hash").await, "bytea");
    assert_eq!(kinds(&world, "previous").await, 1);
    readers.finish().await;
    let log = stop(ampsync);
    assert!(!log.contains(STOPPED) && !log.contains("it is filled from the first"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_goes_on_with_what_was_filled_and_taken_back_nothing_is_left() {
    let world = world().await;
    let ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    stop(ampsync);
    let reader = hold(&world).await;
    world.replace("ampsync.toml", HEX);
    let mut ampsync = start(&world, &[]);
    ampsync.wait_for(BESIDE);
    ampsync.wait_for(WAITS);
    compares(&world, "logs__next", ALL).await;
    let filled = next(&world).await;
    assert!(filled > 0);
    for _ in 0..2 {
        ampsync.signal(Signal::KILL);
        ampsync.end();
        world.sim.mine(3);
        world.sim.reorg(2);
        ampsync = start(&world, &[]);
        ampsync.wait_for(WAITS);
        compares(&world, "logs__next", ALL).await;
        equals(&world, ALL).await;
        assert_eq!(next(&world).await, filled, "it was begun anew");
    }
    // Changed again, it is of no use.
    let other = "[tables.logs]\ntypes = { tx_hash = 'hex', tx_index = 'numeric' }\n";
    world.replace("ampsync.toml", other);
    ampsync.wait_for("it is filled from the first block");
    ampsync.wait_for(WAITS);
    compares(&world, "logs__next", ALL).await;
    stop(ampsync);
    world.replace("ampsync.toml", "");
    let mut ampsync = start(&world, &[]);
    ampsync.wait_for("the next revision was given up");
    world.sim.mine(3);
    equals(&world, ALL).await;
    assert_eq!(next(&world).await, 0);
    assert_eq!(ty(&world, "tx_hash").await, "bytea");
    reader.batch_execute("COMMIT").await.unwrap();
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_server_changes_is_served_until_the_new_ones_are_there() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    let rows = world.rows("logs").await;
    let reader = hold(&world).await;
    world.sim.change_schema("logs", &SchemaChange::Retype("data".to_owned()));
    world.sim.drop_connections();
    ampsync.wait_for(BESIDE);
    // Nothing of the stream can be written into it: it is served, and not followed.
    let line = ampsync.wait_for(STOPPED);
    assert!(line.contains("should be text and is bytea"), "{line}");
    ampsync.wait_for(WAITS);
    world.sim.mine(5);
    compares(&world, "logs__next", ALL).await;
    assert_eq!((ty(&world, "data").await.as_str(), world.rows("logs").await), ("bytea", rows));
    reader.batch_execute("COMMIT").await.unwrap();
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "data").await, "text");
    stop(ampsync);
    // The same between two starts, with a column that is there no longer.
    world.sim.change_schema("logs", &SchemaChange::Drop("tx_hash".to_owned()));
    let mut ampsync = start(&world, &[]);
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, ALL).await;
    let there = "SELECT count(*) FROM pg_attribute \
                 WHERE attrelid = 'public.logs'::regclass AND attname = 'tx_hash'";
    assert_eq!(world.database.count(there).await, 0);
    world.equal(&["blocks"]).await;
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_and_fits_neither_is_kept_again_and_the_new_one_filled_anew() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    for ty in ["numeric", "text"] {
        world.replace("ampsync.toml", &format!("[tables.logs]\ntypes = {{ tx_index = '{ty}' }}\n"));
        ampsync.wait_for(IN_PLACE);
        world.sim.mine(5);
        equals(&world, ALL).await;
        assert_eq!(self::ty(&world, "tx_index").await, ty);
    }
    assert_eq!((kinds(&world, "previous").await, kinds(&world, "next").await), (2, 0));
    let log = stop(ampsync);
    assert_eq!(log.matches("it is filled from the first block").count(), 1, "{log}");
    assert_eq!(log.matches(BESIDE).count(), 3, "{log}");
    assert!(!log.contains(STOPPED), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rolled_back_is_not_filled_again() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    world.replace("ampsync.toml", HEX);
    ampsync.wait_for(IN_PLACE);
    equals(&world, ALL).await;
    let done = roll_back(&world, &["--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.log);
    world.sim.mine(5);
    let line = ampsync.wait_for(ROLLED_BACK);
    assert!(line.contains("ampsync reset --drop logs__v2"), "{line}");
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "tx_hash").await, "bytea");
    stop(ampsync);
    let mut ampsync = start(&world, &[]);
    ampsync.wait_for(ROLLED_BACK);
    world.sim.mine(5);
    world.sim.reorg(2);
    equals(&world, ALL).await;
    assert_eq!((kinds(&world, "next").await, kinds(&world, "rejected").await), (0, 1));
    // Forward again: whoever follows the one before as it is finds another, and looks again.
    let done = roll_back(&world, &["--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.log);
    world.sim.mine(5);
    ampsync.wait_for("another revision is in place now");
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "tx_hash").await, "text");
    stop(ampsync);
    // Without the one that was rejected, it is filled anew.
    let done = roll_back(&world, &["--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.log);
    let rejected = done.out.trim_end().rsplit(' ').next().unwrap();
    let url = world.database.url();
    let mut reset = crate::process::ampsync(&[("DATABASE_URL", &url)]);
    let done = crate::process::answer(reset.args(["reset", rejected, "--drop", "--yes"]));
    assert_eq!(done.code, Some(0), "{}", done.log);
    let mut ampsync = start(&world, &[]);
    ampsync.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "tx_hash").await, "text");
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_instances_one_fills_the_new_table_and_the_other_goes_on_with_it() {
    let world = world().await;
    let mut first = start(&world, &[]);
    equals(&world, ALL).await;
    world.equal(&["blocks"]).await;
    let mut second = start(&world, &[]);
    second.wait_for("standing by");
    let reader = hold(&world).await;
    world.replace("ampsync.toml", HEX);
    for ampsync in [&mut first, &mut second] {
        ampsync.wait_for("the settings were reloaded");
    }
    awaits(&world, "SELECT count(*) FROM ampsync.checkpoints WHERE kind = 'next'", 1).await;
    compares(&world, "logs__next", ALL).await;
    let filled = next(&world).await;
    // Whichever it was: the one that is left goes on.
    first.signal(Signal::KILL);
    first.end();
    world.sim.mine(5);
    world.sim.reorg(2);
    compares(&world, "logs__next", ALL).await;
    equals(&world, ALL).await;
    assert_eq!((next(&world).await, ty(&world, "tx_hash").await.as_str()), (filled, "bytea"));
    let third = start(&world, &[]);
    reader.batch_execute("COMMIT").await.unwrap();
    second.wait_for(IN_PLACE);
    world.sim.mine(5);
    equals(&world, ALL).await;
    assert_eq!(ty(&world, "tx_hash").await, "text");
    stop(second);
    world.sim.mine(5);
    world.sim.reorg(2);
    equals(&world, ALL).await;
    assert_eq!((kinds(&world, "previous").await, kinds(&world, "next").await), (1, 0));
    stop(third);
}
