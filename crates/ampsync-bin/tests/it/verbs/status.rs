//! How far the tables are, from the database alone.

use std::collections::BTreeSet;

use chrono::DateTime;
use expect_test::expect_file;
use nozzle_sim::{SimServer, Table};
use serde_json::{Value, json};

use super::{run, synced};
use crate::pipe::{Database, simulate, start};
use crate::process::Running;
use crate::security::privileges::{documented, prepared};

const DOCUMENT: &str = include_str!("../../../../../docs/status.md");

/// Tables that have followed a reorg, and who goes on following.
async fn following(tables: Vec<Table>) -> (SimServer, Database, Running) {
    let sim = simulate(tables).await;
    sim.mine(30);
    let database = Database::create().await;
    let mut running = start(&sim, &database.url());
    database.equals(&sim).await;
    running.wait_for("streaming from");
    sim.reorg(3);
    database.equals(&sim).await;
    (sim, database, running)
}

/// The same once nobody follows any more.
async fn followed() -> (SimServer, Database) {
    let (sim, database, running) = following(vec![Table::blocks(), Table::logs()]).await;
    running.signal(rustix::process::Signal::TERM);
    running.end();
    (sim, database)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_told_with_its_block_and_its_reorgs() {
    let (sim, database) = followed().await;
    let chain = sim.chain();
    let head = chain.head().unwrap();
    let answer = run(&[("DATABASE_URL", &database.url())], &["status"]);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    for table in ["blocks", "logs"] {
        let line = answer.out.lines().find(|line| line.contains(table)).unwrap();
        assert!(line.contains(&head.number.to_string()), "{line}");
        assert!(line.trim_end().ends_with('-'), "nobody writes it: {line}");
    }
    let answer = run(&[("DATABASE_URL", &database.url())], &["status", "--json"]);
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    let blocks = json["tables"].as_array().unwrap().iter().find(|table| table["table"] == "blocks");
    let text = blocks.unwrap().to_string();
    assert!(text.contains(&head.hash.to_string()) && text.contains("_/sim@0.0.1"), "{text}");
    let rows = database.count("SELECT count(*) FROM ampsync.reorgs WHERE table_name = 'blocks'");
    assert_eq!(blocks.unwrap()["reorgs"], rows.await, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_a_table_is_told() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(3);
    let database = Database::create().await;
    let _running = start(&sim, &database.url());
    database.equals(&sim).await;
    let answer = run(&[("DATABASE_URL", &database.url())], &["status"]);
    let line = answer.out.lines().find(|line| line.contains("blocks")).unwrap();
    assert!(line.contains("pid ") && line.contains("ampsync"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tables_of_ampsync_says_so() {
    let database = Database::create().await;
    let answer = run(&[("DATABASE_URL", &database.url())], &["status"]);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    assert!(format!("{}{}", answer.out, answer.log).contains("never written"), "{}", answer.out);
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(3);
    drop(synced(&sim).await);
    let away = run(&[("DATABASE_URL", "postgres://a:b@127.0.0.1:1/x")], &["status"]);
    assert_eq!(away.code, Some(1), "{}", away.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_read_the_bookkeeping_and_nothing_else_is_told_everything() {
    let (_sim, role) = prepared().await;
    let whole = documented("### It only looks");
    role.admin(&whole).await;
    let status = || run(&[("DATABASE_URL", &role.url())], &["status", "--json"]);
    let answer = status();
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    let table = &json["tables"][0];
    assert_eq!((&table["table"], &table["cursor_block"]), (&json!("sparse"), &json!(89)), "{json}");
    assert!(table["bytes"].as_u64().unwrap() > 0, "{json}");
    for right in [
        "USAGE ON SCHEMA ampsync",
        "SELECT ON ampsync.meta",
        "SELECT ON ampsync.checkpoints",
        "SELECT ON ampsync.ranges",
        "SELECT ON ampsync.reorgs",
    ] {
        role.admin(&format!("REVOKE {right} FROM ampsync_role")).await;
        let answer = status();
        assert_eq!(answer.code, Some(2), "{right}: {}", answer.log);
        let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA ampsync TO \"{}\"", role.name);
        assert!(answer.log.contains(&grant), "{right}: {}", answer.log);
        role.admin(&whole).await;
    }
}

/// A JSON value in which whatever differs from run to run is replaced by what it is.
fn shape(name: &str, value: &Value) -> Value {
    let is_time = |text: &str| DateTime::parse_from_rfc3339(text).is_ok() && text.ends_with('Z');
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(name, value))).collect()
        }
        Value::Array(values) => values.iter().map(|value| shape(name, value)).collect(),
        Value::String(text) if is_time(text) => json!("a time"),
        Value::String(_) if ["database", "cursor_hash", "address"].contains(&name) => {
            json!(format!("a {name}"))
        }
        Value::Number(_) if ["pid", "bytes", "updated_seconds_ago", "version"].contains(&name) => {
            json!(format!("a number, {name}"))
        }
        Value::Number(_) if ["rows", "rows_estimate", "ledger_ranges"].contains(&name) => {
            json!(format!("a number, {name}"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Every field of a JSON value, however deep.
fn fields(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields_of) => {
            for (name, value) in fields_of {
                into.insert(name.clone());
                fields(value, into);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_has_the_fields_that_are_documented() {
    let (_sim, database, _running) = following(vec![Table::blocks()]).await;
    database.session.batch_execute("ANALYZE blocks").await.unwrap();
    let answer = run(&[("DATABASE_URL", &database.url())], &["status", "--json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    let shown = serde_json::to_string_pretty(&shape("", &json)).unwrap() + "\n";
    expect_file!["snapshots/status.json"].assert_eq(&shown);
    let mut there = BTreeSet::new();
    fields(&json, &mut there);
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<_> = rows
        .flat_map(|(path, _)| path.split('.').map(|part| part.trim_end_matches("[]").to_owned()))
        .collect();
    assert_eq!(there, documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_table_has_the_size_of_its_partitions_and_a_dropped_one_none() {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(30);
    let plain = synced(&sim).await;
    let database = Database::create().await;
    let columns = "SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), \
                   ', ' ORDER BY attnum) FROM pg_attribute \
                   WHERE attrelid = 'blocks'::regclass AND attnum > 0";
    let columns: String = plain.session.query_one(columns, &[]).await.unwrap().get(0);
    let partitioned = format!(
        "CREATE TABLE blocks ({columns}) PARTITION BY RANGE (_block_num); \
         CREATE TABLE blocks_low PARTITION OF blocks FOR VALUES FROM (0) TO (10); \
         CREATE TABLE blocks_high PARTITION OF blocks FOR VALUES FROM (10) TO (1000)"
    );
    database.session.batch_execute(&partitioned).await.unwrap();
    let running = start(&sim, &database.url());
    database.equals(&sim).await;
    running.signal(rustix::process::Signal::TERM);
    running.end();
    database.session.batch_execute("ANALYZE; DROP TABLE logs").await.unwrap();
    let url = database.url();
    let status = |arguments: &[&str]| run(&[("DATABASE_URL", &url)], arguments);
    let json: Value = serde_json::from_str(&status(&["status", "--json"]).out).unwrap();
    let of = |name: &str| {
        json["tables"].as_array().unwrap().iter().find(|table| table["table"] == name).unwrap()
    };
    let (blocks, logs) = (of("blocks"), of("logs"));
    assert_eq!(blocks["rows_estimate"], 30, "{blocks}");
    let bytes = "SELECT (pg_total_relation_size('blocks_low') \
                 + pg_total_relation_size('blocks_high'))::bigint";
    assert_eq!(blocks["bytes"], database.count(bytes).await, "{blocks}");
    assert_eq!((&logs["exists"], &logs["bytes"]), (&json!(false), &Value::Null), "{logs}");
    assert!(status(&["status"]).out.contains("gone"));
    let long = status(&["status", "--long", "logs"]);
    assert_eq!(long.code, Some(0), "{}", long.log);
    assert!(long.out.contains("the table is gone"), "{}", long.out);
}
