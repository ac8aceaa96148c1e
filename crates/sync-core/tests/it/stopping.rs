//! What cannot pass is named, stops one table, and leaves its data alone.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use sync_core::{BeyondRetention, Fault, Outcome, TableState};
use tokio::sync::Semaphore;

use crate::faulty::{Injected, Op};
use crate::script::{Act, Script, end, range, range_on, rows, whole};
use crate::world::{World, tens};

fn followed() -> Vec<Act> {
    [whole(&range(0, 2)), vec![Act::Silence]].concat()
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_stops_its_table_and_no_other() {
    let sick = World::new(Script::new([vec![Act::Fail(Fault::Permanent)]]));
    let well = World::new(Script::new([followed()]));
    let running = well.start_all(vec![sick.sync("sick"), well.sync("t")]);
    well.until_live_at(2).await;
    assert_eq!(well.health.snapshot()["sick"].state, TableState::Stopped);
    well.shutdown.cancel();
    let outcomes = running.outcomes().await;
    assert!(matches!(&outcomes[0], (name, Outcome::Stopped(_)) if name == "sick"));
    assert_eq!(outcomes[1], ("t".to_owned(), Outcome::Clean));
}

#[tokio::test(start_paused = true)]
async fn when_every_table_has_stopped_the_engine_ends() {
    let world = World::new(Script::new([vec![Act::Fail(Fault::Permanent)]]));
    let Outcome::Stopped(error) = world.start().outcome().await else { panic!("it must stop") };
    assert_eq!(error.message, "the stream failed: scripted failure of the source");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_interrupts_every_wait() {
    for script in
        [Script::new([]).refusing(usize::MAX), Script::new([followed()]), Script::new([vec![]])]
    {
        let world = World::new(script);
        let running = world.start();
        tokio::time::sleep(Duration::from_secs(100)).await;
        world.shutdown.cancel();
        let begun = tokio::time::Instant::now();
        assert_eq!(running.outcome().await, Outcome::Clean);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_a_write_under_way_finish() {
    let gate = Arc::new(Semaphore::new(0));
    let world = World::new(Script::new([followed()]));
    world.faults.inject(Op::Commit, [Injected::Waits(Arc::clone(&gate))]);
    let running = world.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.shutdown.cancel();
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.add_permits(1);
    assert_eq!(running.outcome().await, Outcome::Clean);
    assert_eq!(world.rows(), tens(0..=2));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_hanging_sink() {
    let world = World::new(Script::new([followed()]));
    world.faults.inject(Op::Commit, [Injected::Waits(Arc::new(Semaphore::new(0)))]);
    let running = world.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.shutdown.cancel();
    let begun = tokio::time::Instant::now();
    assert_eq!(running.outcome().await, Outcome::Clean);
    assert!(begun.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_second_instance_stands_by_and_takes_over() {
    let leader = World::new(Script::new([followed()]));
    let leading = leader.start();
    leader.until_live_at(2).await;
    let rest = [whole(&range(3, 3)), vec![Act::Silence]].concat();
    let mut standby = World::new(Script::new([rest]));
    standby.table = leader.table.clone();
    let _standing = standby.start();
    standby.until("standing by", |health| health.state == TableState::Standby).await;
    assert_eq!(standby.script.opened(), []);
    leading.kill().await;
    standby.until_live_at(3).await;
    assert_eq!(standby.script.opened(), [Some(2)]);
    assert_eq!(standby.rows(), tens(0..=3));
}

/// Blocks 0 to 29, one a range, of which a ledger of 5 blocks remembers the last; then a replay
/// from block 3.
fn deep_reorg() -> (Vec<Act>, Vec<Act>) {
    let blocks: Vec<_> = (0..30).flat_map(|block| whole(&range(block, block))).collect();
    let fork = range_on(3, 30, 1, 0);
    let replay = vec![rows(&fork, &[(3, 31), (30, 301)]), end(&fork), Act::Silence];
    (blocks, replay)
}

#[tokio::test(start_paused = true)]
async fn a_reorg_deeper_than_the_ledger_stops_the_table_with_the_reason() {
    let (blocks, replay) = deep_reorg();
    let mut world = World::new(Script::new([[blocks, replay].concat()]));
    world.config.retention_blocks = NonZeroU64::new(5).unwrap();
    let Outcome::Stopped(error) = world.start().outcome().await else { panic!("it must stop") };
    assert!(error.message.contains("below block 24"), "{}", error.message);
    assert!(error.remedy.unwrap().contains("RETENTION_BLOCKS"));
    // What was committed before stays.
    let rows = world.rows();
    assert_eq!(rows, tens(0..=29)[..rows.len()]);
}

#[tokio::test(start_paused = true)]
async fn a_reorg_deeper_than_the_ledger_can_stream_the_table_anew() {
    let (blocks, replay) = deep_reorg();
    let whole_chain = range_on(0, 30, 1, 0xff);
    let anew = vec![rows(&whole_chain, &[(0, 1), (30, 301)]), end(&whole_chain), Act::Silence];
    let mut world = World::new(Script::new([[blocks, replay].concat(), anew]));
    world.config.retention_blocks = NonZeroU64::new(5).unwrap();
    world.config.beyond_retention = BeyondRetention::Resync;
    let _running = world.start();
    world.until_live_at(30).await;
    assert_eq!(world.script.opened(), [None, None]);
    assert_eq!(world.rows(), [(0, 1), (30, 301)]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_block_numbers_is_refused_with_the_query_that_works() {
    let world = World::new(Script::new([followed()]));
    let mut table = world.sync("t");
    table.block_column = "blk".to_owned();
    let outcomes = world.start_all(vec![table]).outcomes().await;
    let (_, Outcome::Stopped(error)) = &outcomes[0] else { panic!("it must stop") };
    assert!(error.message.contains("no UInt64 column \"blk\""), "{}", error.message);
    assert!(error.remedy.as_ref().unwrap().contains("SELECT"), "{error:?}");
}
