//! How far the tables are, from the database alone.

use nozzle_sim::{SimServer, Table};
use serde_json::Value;

use super::{run, synced};
use crate::pipe::{Database, simulate, start};

async fn followed() -> (SimServer, Database) {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(30);
    let database = Database::create().await;
    let mut running = start(&sim, &database.url());
    database.equals(&sim).await;
    running.wait_for("streaming from");
    sim.reorg(3);
    database.equals(&sim).await;
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
