use rustix::process::Signal;

use super::*;
use crate::pipe::seed;
use crate::reload::stop;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_of_a_migration_the_next_start_ends_it() {
    let mut random = fastrand::Rng::with_seed(seed());
    let world = world().await;
    world.sim.mine(200);
    let batches = [("BATCH_ROWS_MIN", "20"), ("BATCH_ROWS_MAX", "100")];
    let ampsync = start(&world, &batches);
    equals(&world, ALL).await;
    ampsync.signal(Signal::KILL);
    ampsync.end();
    let readers = Readers::of(&world).await;
    // There and back again, so that what is kept is taken up as well.
    for (options, sql) in [(FILTER, FILTERED), ("", ALL), (FILTER, FILTERED)] {
        world.replace("ampsync.toml", options);
        for _ in 0..5 {
            let ampsync = start(&world, &batches);
            world.sim.mine(random.u64(1..4));
            // The moment is what is random here: nothing is waited for.
            tokio::time::sleep(Duration::from_millis(random.u64(100..900))).await;
            ampsync.signal(Signal::KILL);
            ampsync.end();
            world.sim.reorg(random.u64(1..3));
        }
        let ampsync = start(&world, &batches);
        awaits(&world, IS_FILTERED, i64::from(options == FILTER)).await;
        world.sim.mine(3);
        equals(&world, sql).await;
        stop(ampsync);
    }
    readers.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_stood_by_goes_on_with_what_the_other_has_put_in_place() {
    let world = world().await;
    let mut first = start(&world, &[]);
    equals(&world, ALL).await;
    let mut second = start(&world, &[]);
    second.wait_for("standing by");
    let readers = Readers::of(&world).await;
    world.replace("ampsync.toml", FILTER);
    first.wait_for("the settings were reloaded");
    second.wait_for("the settings were reloaded");
    // Each may have the right to fill the new one.
    awaits(&world, IS_FILTERED, 1).await;
    world.sim.mine(5);
    equals(&world, FILTERED).await;
    first.signal(Signal::KILL);
    first.end();
    world.sim.mine(5);
    world.sim.reorg(2);
    equals(&world, FILTERED).await;
    world.equal(&["blocks"]).await;
    readers.finish().await;
    let tables = "SELECT count(*) FROM ampsync.checkpoints WHERE of_table = 'logs'";
    assert_eq!(world.database.count(tables).await, 1, "nothing was filled twice");
    stop(second);
}
