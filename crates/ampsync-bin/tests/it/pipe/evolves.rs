use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use nozzle_sim::{SchemaChange, SimServer, Table};
use rustix::process::Signal;

use super::{Database, simulate, start, start_with};
use crate::process::Running;

const STOPPED: &str = "the table has stopped for good";

/// The stream of `table` changes, and is opened again.
fn change(sim: &SimServer, table: &str, change: &SchemaChange) {
    sim.change_schema(table, change);
    sim.drop_connections();
}

/// The rows, without values of `column` in the blocks below `block`.
fn null_below(rows: &[RecordBatch], column: &str, block: u64) -> Vec<RecordBatch> {
    let nulled = rows.iter().map(|rows| {
        let index = rows.schema_ref().index_of(column).unwrap();
        let blocks = rows["_block_num"].as_primitive::<UInt64Type>();
        let values = rows.column(index).as_primitive::<UInt64Type>();
        let values: UInt64Array = blocks
            .iter()
            .zip(values)
            .map(|(at, value)| value.filter(|_| at.unwrap() >= block))
            .collect();
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        columns[index] = Arc::new(values);
        RecordBatch::try_new(rows.schema(), columns).unwrap()
    });
    nulled.collect()
}

/// What the log says can be run, from `before` up to `after`, or to the end of the line.
fn remedy(log: &str, before: &str, after: &str) -> String {
    let line = log.lines().find(|line| line.contains(STOPPED)).unwrap();
    let (_, rest) = line.split_once(before).unwrap_or_else(|| panic!("{line}"));
    let statements = rest.split_once(after).map_or(rest, |(statements, _)| statements);
    statements.to_owned()
}

/// Without it, what does not fit is filled beside.
const REFUSE: (&str, &str) = ("ON_REVISION_CHANGE", "refuse");

/// Two tables that follow a chain of 40 blocks.
async fn following(more: &[(&str, &str)]) -> (SimServer, Database, Running) {
    let sim = simulate(vec![Table::logs(), Table::blocks()]).await;
    sim.mine(40);
    let database = Database::create().await;
    let ampsync = start_with(&sim, &database.url(), more);
    database.equals(&sim).await;
    (sim, database, ampsync)
}

/// Stops ampsync, of which a table had stopped by itself, and returns the log.
fn stopped(ampsync: Running) -> String {
    ampsync.signal(Signal::TERM);
    let (status, log) = ampsync.end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert_eq!(log.matches(STOPPED).count(), 1, "{log}");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_stream_gains_is_added_and_streaming_goes_on() {
    let (sim, database, mut ampsync) = following(&[]).await;
    let old = sim.canonical("logs");
    change(&sim, "logs", &SchemaChange::Add("extra".to_owned()));
    ampsync.wait_for("ADD COLUMN");
    database.table_equals(&sim, "logs", &old).await;
    sim.mine(10);
    let expected = null_below(&sim.canonical("logs"), "extra", 40);
    database.table_equals(&sim, "logs", &expected).await;
    // What a reorg replaces gets its values.
    sim.reorg(15);
    let expected = null_below(&sim.canonical("logs"), "extra", 35);
    database.table_equals(&sim, "logs", &expected).await;
    database.table_equals(&sim, "blocks", &sim.canonical("blocks")).await;
    let values = database.count("SELECT count(extra) FROM logs").await;
    assert!(values > 0);
    ampsync.signal(Signal::TERM);
    let (status, log) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_stream_loses_stops_that_table_until_it_is_set_aside() {
    let (sim, database, mut ampsync) = following(&[REFUSE]).await;
    let old = sim.canonical("logs");
    change(&sim, "logs", &SchemaChange::Drop("tx_hash".to_owned()));
    ampsync.wait_for(STOPPED);
    sim.mine(10);
    database.table_equals(&sim, "blocks", &sim.canonical("blocks")).await;
    let log = stopped(ampsync);
    assert!(log.contains("no longer has these columns"), "{log}");
    let session = &database.session;
    let verdict = ampsync_testkit::verify::table(session, "public", "logs", &old).await;
    verdict.unwrap().expect_equal();
    // With its remedy done, it goes on where it stopped.
    session.batch_execute(&remedy(&log, "values so far, run: ", " or, to lose")).await.unwrap();
    let _ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    let kept = database.count("SELECT count(tx_hash_old) FROM logs").await;
    let before = database.count("SELECT count(*) FROM logs WHERE _block_num < 40").await;
    assert_eq!(kept, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_another_type_stops_that_table_until_it_is_converted() {
    let (sim, database, mut ampsync) = following(&[REFUSE]).await;
    change(&sim, "logs", &SchemaChange::Retype("data".to_owned()));
    ampsync.wait_for(STOPPED);
    sim.mine(10);
    database.table_equals(&sim, "blocks", &sim.canonical("blocks")).await;
    let log = stopped(ampsync);
    assert!(log.contains("should be text"), "{log}");
    let statements = remedy(&log, "run: ", " or start it anew");
    database.session.batch_execute(&statements).await.unwrap();
    let _ampsync = start(&sim, &database.url());
    database.reaches("logs", &sim.chain().head().unwrap().hash).await;
    let rows: usize = sim.canonical("logs").iter().map(RecordBatch::num_rows).sum();
    assert_eq!(database.count("SELECT count(*) FROM logs").await, i64::try_from(rows).unwrap());
    let odd = "SELECT count(*) FROM logs WHERE (data = 'retyped') <> (_block_num >= 40)";
    assert_eq!(database.count(odd).await, 0);
}

/// A table that its user has begun; ampsync adds the other columns.
async fn begun(database: &Database, rules: &str) {
    let create = format!(
        "CREATE TABLE logs (_block_num bigint NOT NULL, tx_index bigint, log_index bigint, {rules})"
    );
    database.session.batch_execute(&create).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_a_primary_key_follows_reorgs() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(60);
    let database = Database::create().await;
    begun(&database, "PRIMARY KEY (_block_num, log_index)").await;
    let _ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    for depth in [1, 2, 7, 30, 1] {
        sim.reorg(depth);
        database.equals(&sim).await;
        sim.mine(1);
    }
    database.equals(&sim).await;
    assert!(database.count("SELECT count(*) FROM ampsync.reorgs WHERE rows > 0").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_rows_share_stops_that_table_once_and_names_the_key() {
    // Two logs of a block have the same transaction.
    let sim = simulate(vec![Table::logs().with_rows_per_block(2..=3), Table::blocks()]).await;
    sim.mine(30);
    let database = Database::create().await;
    begun(&database, "CONSTRAINT one_each UNIQUE (_block_num, tx_index)").await;
    let mut ampsync = start(&sim, &database.url());
    ampsync.wait_for(STOPPED);
    sim.mine(5);
    database.table_equals(&sim, "blocks", &sim.canonical("blocks")).await;
    let log = stopped(ampsync);
    for fact in ["one_each", "Key (_block_num, tx_index)=(0, 0) already exists", "logs"] {
        assert!(log.contains(fact), "{fact}: {log}");
    }
    assert_eq!(database.count("SELECT count(*) FROM logs").await, 0);
    let statements = remedy(&log, "and run: ", "\n");
    database.session.batch_execute(&statements).await.unwrap();
    let _ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_only_table_breaks_a_rule_the_program_ends() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(30);
    let database = Database::create().await;
    begun(&database, "CHECK (_block_num < 20)").await;
    let (status, log) = start(&sim, &database.url()).end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("logs__block_num_check") && log.contains("Failing row"), "{log}");
    let statements = remedy(&log, "or run: ", "\n");
    database.session.batch_execute(&statements).await.unwrap();
    let _ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
}
