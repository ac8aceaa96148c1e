//! The probe that asks for the chain's head beside the streams.

use nozzle_sim::{SimServer, Table};

use super::{Database, simulate, start_with};

fn asked(sim: &SimServer) -> Vec<String> {
    let asked = sim.requests().into_iter().map(|request| request.sql);
    asked.filter(|sql| sql.contains("max(")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_is_asked_of_the_blocks_alone_and_told() {
    let sim = simulate(vec![Table::logs(), Table::blocks()]).await;
    sim.mine(70);
    let database = Database::create().await;
    let log = ("RUST_LOG", "info,ampsync=debug");
    let mut ampsync = start_with(&sim, &database.url(), &[log]);
    ampsync.wait_for("the head of the chain");
    database.equals(&sim).await;
    let first = "SELECT max(_block_num) AS head FROM \"_/sim@0.0.1\".blocks";
    let asked = asked(&sim);
    assert!(asked.iter().all(|sql| sql.starts_with(first)) && !asked.is_empty(), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_when_the_probe_is_off() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(70);
    let database = Database::create().await;
    let _ampsync = start_with(&sim, &database.url(), &[("HEAD_PROBE", "off")]);
    database.equals(&sim).await;
    sim.mine(1);
    database.equals(&sim).await;
    assert!(asked(&sim).is_empty(), "{:?}", asked(&sim));
}
