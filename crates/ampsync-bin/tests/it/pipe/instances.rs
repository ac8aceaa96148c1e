use nozzle_sim::Table;
use rustix::process::Signal;

use super::{Database, simulate, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_duplicates_nothing_and_takes_over_when_the_first_is_killed() {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(60);
    let database = Database::create().await;
    let readers = ["blocks", "logs"].map(|table| database.watch(&sim, table));
    let mut first = start(&sim, &database.url());
    database.equals(&sim).await;
    first.wait_for("streaming from");
    let mut second = start(&sim, &database.url());
    second.wait_for("standing by");
    for _ in 0..5 {
        sim.mine(3);
        sim.reorg(2);
        database.equals(&sim).await;
    }
    first.signal(Signal::KILL);
    sim.reorg(4);
    database.equals(&sim).await;
    second.wait_for("streaming from the checkpoint");
    for reader in readers {
        reader.more(2).await;
        reader.finish().await.unwrap();
    }
}
