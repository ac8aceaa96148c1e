use nozzle_sim::Table;
use rustix::process::Signal;

use super::{Database, simulate, start, start_with};

#[tokio::test(flavor = "multi_thread")]
async fn every_table_follows_the_chain_through_reorgs() {
    let sim =
        simulate(vec![Table::blocks(), Table::logs(), Table::transactions(), Table::sparse()])
            .await;
    sim.mine(130);
    let database = Database::create().await;
    let ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    for depth in [1, 3, 1, 15, 2, 40] {
        sim.mine(2);
        database.equals(&sim).await;
        sim.reorg(depth);
        database.equals(&sim).await;
    }
    let reorgs = "SELECT count(*) FROM ampsync.reorgs WHERE table_name = 'blocks' AND rows > 0";
    assert!(database.count(reorgs).await >= 6);
    ampsync.signal(Signal::TERM);
    let (status, log) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_while_ampsync_is_away_is_found_at_the_next_start() {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(50);
    let database = Database::create().await;
    let ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    ampsync.signal(Signal::INT);
    let (status, log) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{log}");
    sim.reorg(13);
    sim.mine(4);
    sim.reorg(6);
    sim.forget_forks();
    let _ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_ranges_are_written_ahead_in_whole_blocks() {
    let mut config = nozzle_sim::SimConfig { tables: vec![Table::logs()], ..Default::default() };
    config.batch_rows_max = 64;
    let sim = nozzle_sim::SimServer::start(config).await.unwrap();
    sim.mine(900);
    let database = Database::create().await;
    let readers = database.watch(&sim, "logs");
    let _ampsync =
        start_with(&sim, &database.url(), &[("BATCH_ROWS_MIN", "50"), ("BATCH_ROWS_MAX", "200")]);
    database.equals(&sim).await;
    let version = "SELECT version FROM ampsync.checkpoints WHERE table_name = 'logs'";
    assert!(database.count(version).await > 5, "one range, several transactions");
    readers.more(2).await;
    readers.finish().await.unwrap();
}
