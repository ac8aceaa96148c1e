use rustix::process::Signal;
use std::time::Duration;

use nozzle_sim::Table;

use super::{Database, seed, simulate, start_with};

/// A process that is killed wherever it is, fifty times, leaves a table that the next one
/// continues, and no reader ever sees anything but whole blocks of one fork.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_fifty_random_moments_it_ends_equal() {
    let mut random = fastrand::Rng::with_seed(seed());
    let sim = simulate(vec![Table::blocks(), Table::logs(), Table::sparse()]).await;
    sim.mine(300);
    let database = Database::create().await;
    let readers = ["blocks", "logs"].map(|table| database.watch(&sim, table));
    let batches = [("BATCH_ROWS_MIN", "20"), ("BATCH_ROWS_MAX", "300")];
    for _ in 0..50 {
        let mut ampsync = start_with(&sim, &database.url(), &batches);
        // Some die while they start, most in the middle of their work.
        if random.u8(0..3) > 0 {
            ampsync.wait_for("streaming from");
        }
        for _ in 0..random.usize(0..8) {
            sim.mine(random.u64(1..10));
            if random.bool() {
                sim.reorg(random.u64(1..30));
            }
            // The moment is what is random here: nothing is waited for.
            tokio::time::sleep(Duration::from_millis(random.u64(0..60))).await;
        }
        ampsync.signal(Signal::KILL);
        ampsync.end();
        if random.u8(0..4) == 0 {
            sim.reorg(random.u64(1..20));
        }
    }
    let _ampsync = start_with(&sim, &database.url(), &batches);
    database.equals(&sim).await;
    for reader in readers {
        reader.more(2).await;
        let report = reader.finish().await.unwrap();
        assert!(report.changes > 10, "the reader saw too little: {report:?}");
    }
}
