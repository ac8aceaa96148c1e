//! Everything that passes, passes by itself.

use std::sync::Arc;
use std::time::Duration;

use sync_core::chain::{BlockNum, BlockRange, Network};
use sync_core::{Fault, TableState};
use tokio::sync::Semaphore;

use crate::faulty::{Injected, Op};
use crate::script::{
    Act, Script, end, hash, message, narrow_rows, not_ready, range, range_on, rows, whole,
};
use crate::world::{World, tens};

fn two_ranges() -> Vec<Act> {
    [whole(&range(0, 2)), whole(&range(3, 3)), vec![Act::Silence]].concat()
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_settled_by_reading_the_checkpoint() {
    let world = World::new(Script::new([two_ranges()]));
    world.faults.inject(Op::Commit, [Injected::Unanswered]);
    let _running = world.start();
    world.until_live_at(3).await;
    assert_eq!(world.rows(), tens(0..=3));
    assert_eq!(world.script.opened().len(), 1, "the stream went on");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_never_arrived_is_done_again() {
    let world = World::new(Script::new([two_ranges()]));
    world.faults.inject(Op::Commit, [Injected::Lost, Injected::Lost]);
    let _running = world.start();
    world.until_live_at(3).await;
    assert_eq!(world.rows(), tens(0..=3));
}

#[tokio::test(start_paused = true)]
async fn in_doubt_and_blind_the_stream_starts_from_the_checkpoint() {
    let rest = [whole(&range(4, 4)), vec![Act::Silence]].concat();
    let world = World::new(Script::new([two_ranges(), rest]));
    world.faults.inject(Op::Commit, [Injected::Unanswered]);
    world.faults.inject(Op::Checkpoint, vec![Injected::Fails(Fault::Transient); 5]);
    let _running = world.start();
    world.until_live_at(4).await;
    assert_eq!(world.script.opened(), [None, Some(3)], "the lost commit was found");
    assert_eq!(world.rows(), tens(0..=4));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_for_a_day_is_waited_for() {
    let world = World::new(Script::new([two_ranges()]).refusing(20_000));
    let begun = tokio::time::Instant::now();
    let _running = world.start();
    world
        .until("backing off", |health| matches!(health.state, TableState::BackingOff { .. }))
        .await;
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    world.until_live_at(3).await;
    assert!(begun.elapsed() > Duration::from_secs(12 * 3600));
    assert_eq!(world.rows(), tens(0..=3));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_away_for_hours_is_waited_for() {
    let world = World::new(Script::new([two_ranges(), two_ranges()]));
    world.faults.inject(Op::Begin, vec![Injected::Fails(Fault::Transient); 5]);
    world.faults.inject(Op::Prepare, [Injected::Waits(Arc::new(Semaphore::new(1)))]);
    world.faults.inject(Op::Prepare, vec![Injected::Fails(Fault::Transient); 3_000]);
    let _running = world.start();
    world.until_live_at(3).await;
    assert_eq!(world.rows(), tens(0..=3));
    assert_eq!(world.script.opened(), [None, None], "the quick attempts were used up");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_works_in_silence_for_hours_gets_to_answer() {
    let slow = [vec![Act::Pause(Duration::from_secs(2 * 3600))], two_ranges()].concat();
    let world = World::new(Script::new(vec![slow; 20]));
    let _running = world.start();
    world.until_live_at(3).await;
    assert_eq!(world.rows(), tens(0..=3));
    assert!(world.script.opened().len() < 8, "{:?}", world.script.opened());
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_goes_on_from_the_checkpoint() {
    let broken =
        [whole(&range(0, 2)), vec![rows(&range(3, 9), &tens(3..=5)), Act::Fail(Fault::Transient)]];
    let rest = [whole(&range(3, 9)), vec![Act::Silence]];
    let world = World::new(Script::new([broken.concat(), rest.concat()]));
    let _running = world.start();
    world.until_live_at(9).await;
    assert_eq!(world.rows(), tens(0..=9));
}

#[tokio::test(start_paused = true)]
async fn not_ready_and_clean_ends_are_waited_out_and_never_recorded() {
    let world =
        World::new(Script::new([vec![not_ready()], vec![], vec![not_ready()], two_ranges()]));
    let _running = world.start();
    world.until("not ready", |health| health.state == TableState::NotReady).await;
    assert_eq!(world.table.snapshot().1, sync_core::Checkpoint::default());
    world.until_live_at(3).await;
    assert_eq!(world.script.opened(), [None; 4]);
    assert_eq!(world.rows(), tens(0..=3));
}

#[tokio::test(start_paused = true)]
async fn a_lie_is_never_written_and_the_truth_after_it_is() {
    let next = range(3, 4);
    let other_parent = range_on(3, 4, 0, 9);
    let gap = range(4, 4);
    let lies = [
        vec![rows(&other_parent, &tens(3..=4)), end(&other_parent)],
        vec![rows(&gap, &tens(4..=4)), end(&gap)],
        vec![rows(&next, &[(5, 50)])],
        vec![message(vec![next.clone()], &tens(3..=3), sync_core::Mark::Complete)],
        vec![rows(&next, &tens(3..=3)), rows(&range(3, 3), &tens(3..=3))],
        vec![message(vec![next.clone(), next.clone()], &[], sync_core::Mark::Open)],
        vec![message(vec![], &tens(3..=3), sync_core::Mark::Open)],
        whole(&range(1, 2)),
        vec![narrow_rows(&next, &[3]), end(&next)],
    ];
    let count = lies.len();
    let mut connections = vec![[whole(&range(0, 2)), vec![Act::Fail(Fault::Transient)]].concat()];
    connections.extend(lies);
    connections.push([whole(&next), vec![Act::Silence]].concat());
    let world = World::new(Script::new(connections));
    let _running = world.start();
    world.until_live_at(4).await;
    assert_eq!(world.rows(), tens(0..=4));
    let mut expected = vec![None];
    expected.extend(vec![Some(2); count + 1]);
    assert_eq!(world.script.opened(), expected, "each lie cost one connection");
    assert_eq!(world.table.snapshot().1.version, 2, "nothing else was committed");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_reported_and_the_table_restarted() {
    let world = World::new(Script::new([vec![Act::Panic], two_ranges()]));
    let _running = world.start();
    let health = world.until("an error", |health| health.last_error.is_some()).await;
    assert!(health.last_error.unwrap().message.contains("panic"));
    world.until_live_at(3).await;
    assert_eq!(world.rows(), tens(0..=3));
}

#[tokio::test(start_paused = true)]
async fn a_reorg_during_a_write_waits_for_it() {
    let gate = Arc::new(Semaphore::new(0));
    let fork = range_on(2, 4, 1, 0);
    let acts =
        [whole(&range(0, 3)), vec![rows(&fork, &[(2, 21), (4, 41)]), end(&fork), Act::Silence]];
    let world = World::new(Script::new([acts.concat()]));
    world.faults.inject(Op::Commit, [Injected::Waits(Arc::clone(&gate))]);
    let _running = world.start();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.rows(), []);
    gate.add_permits(1);
    world.until_live_at(4).await;
    assert_eq!(world.rows(), [(0, 0), (1, 10), (2, 21), (4, 41)]);
}

#[tokio::test(start_paused = true)]
async fn other_columns_after_a_reconnect_are_prepared_anew() {
    let world = World::new(Script::new([[whole(&range(0, 2)), vec![Act::Silence]].concat()]));
    let running = world.start();
    world.until_live_at(2).await;
    running.kill().await;
    let script = Script::new([vec![Act::Fail(Fault::Transient)], vec![Act::Silence]]);
    let again = World { script: script.clone(), shutdown: Default::default(), ..world };
    let _running = again.start();
    again.until("backing off", |health| health.last_error.is_some()).await;
    script.add_column();
    again.until("streaming the new columns", |health| health.state == TableState::Live).await;
    assert_eq!(again.rows(), tens(0..=2));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_nothing_for_long_is_opened_anew() {
    let silent = vec![Act::Silence];
    let world = World::new(Script::new([
        [whole(&range(0, 2)), silent.clone()].concat(),
        silent.clone(),
        [whole(&range(3, 3)), silent].concat(),
    ]));
    let _running = world.start();
    world.until_live_at(3).await;
    assert_eq!(world.script.opened(), [None, Some(2), Some(2)]);
    assert_eq!(world.rows(), tens(0..=3));
    let health = world.health.snapshot();
    assert_eq!(health["t"].last_error, None, "that a chain is quiet is no failure");
}

#[tokio::test(start_paused = true)]
async fn what_the_sink_refuses_because_of_other_columns_passes_when_they_come_back() {
    let rest = [whole(&range(3, 3)), vec![Act::Silence]].concat();
    let first = [whole(&range(0, 2)), vec![Act::Silence]].concat();
    let world = World::new(Script::new([first, vec![Act::Silence], rest]));
    let _running = world.start();
    world.until_live_at(2).await;
    world.script.add_column();
    // The old columns are prepared once more before the stream turns out to have others.
    world.faults.inject(Op::Prepare, [Injected::Waits(Arc::new(Semaphore::new(1)))]);
    world.faults.inject(Op::Prepare, vec![Injected::Fails(Fault::Permanent); 3]);
    world
        .until("refused", |health| matches!(health.state, TableState::BackingOff { attempt: 4 }))
        .await;
    world.script.set_schema(crate::script::schema());
    world.until_live_at(3).await;
    assert_eq!(world.rows(), tens(0..=3));
}

#[tokio::test(start_paused = true)]
async fn what_the_sink_goes_on_to_refuse_because_of_other_columns_stops_the_table() {
    let first = [whole(&range(0, 2)), vec![Act::Silence]].concat();
    let world = World::new(Script::new([first, vec![Act::Silence]]));
    let _running = world.start();
    world.until_live_at(2).await;
    world.script.add_column();
    world.faults.inject(Op::Prepare, [Injected::Waits(Arc::new(Semaphore::new(1)))]);
    world.faults.inject(Op::Prepare, vec![Injected::Fails(Fault::Permanent); 100]);
    world.until("stopped", |health| health.state == TableState::Stopped).await;
    assert_eq!(world.rows(), tens(0..=2));
}

#[tokio::test(start_paused = true)]
async fn a_lie_about_the_network_is_not_believed_while_a_table_is_streamed_anew() {
    let anew = range_on(0, 5, 1, 0xff);
    let truth = vec![rows(&anew, &tens(0..=5)), end(&anew), Act::Silence];
    let half = vec![rows(&anew, &tens(0..=3)), Act::Fail(Fault::Transient)];
    let (start, stop) = (BlockNum::ZERO, BlockNum::from(1_u32));
    let lie = BlockRange::new(Network::new("lies"), start, stop, hash(1, 2), None).unwrap();
    let lie = vec![rows(&lie, &tens(0..=1)), end(&lie), Act::Fail(Fault::Transient)];
    let world = World::new(Script::new([[whole(&range(0, 2)), half].concat(), lie, truth]));
    let _running = world.start();
    world.until_live_at(5).await;
    assert_eq!(world.script.opened(), [None, None, None], "it was streamed anew");
    assert_eq!(world.rows(), tens(0..=5));
}
