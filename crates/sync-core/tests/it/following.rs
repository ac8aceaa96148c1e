//! What comes out when nothing fails.

use std::num::NonZeroUsize;
use std::time::Duration;

use sync_core::{Mark, TableState};

use crate::script::{Act, Script, end, message, range, range_on, rows, whole};
use crate::world::{World, tens};

fn silent(acts: Vec<Act>) -> Vec<Act> {
    [acts, vec![Act::Silence]].concat()
}

#[tokio::test(start_paused = true)]
async fn completed_ranges_are_committed_as_soon_as_the_stream_is_quiet() {
    let world =
        World::new(Script::new([silent([whole(&range(0, 2)), whole(&range(3, 3))].concat())]));
    let running = world.start();
    let health = world.until_live_at(3).await;
    assert_eq!(world.rows(), tens(0..=3));
    assert_eq!((health.rows, health.provisional, health.last_error), (4, None, None));
    world.shutdown.cancel();
    assert_eq!(running.outcome().await, sync_core::Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn a_reorg_inside_a_range_keeps_what_is_below() {
    let fork = range_on(3, 6, 1, 0);
    let replaced = vec![rows(&fork, &[(3, 31), (6, 61)]), end(&fork)];
    let script = Script::new([silent([whole(&range(0, 5)), replaced].concat())]);
    let world = World::new(script);
    let _running = world.start();
    let health = world.until_live_at(6).await;
    assert_eq!(world.rows(), [(0, 0), (1, 10), (2, 20), (3, 31), (6, 61)]);
    assert_eq!(health.reorgs, 1);
    let (_, checkpoint) = world.table.snapshot();
    let ledger: Vec<_> = checkpoint.ledger.iter().map(ToString::to_string).collect();
    assert_eq!(ledger, ["testnet [0..2]", "testnet [3..6]"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_fork_is_asked_for_from_an_older_block() {
    // The server has forgotten the fork and replays from the cursor's own block, on a parent that
    // is not the recorded one: asked from block 3, it shows that the fork begins at 4.
    let unknown = range_on(6, 7, 1, 1);
    let replay = range_on(4, 7, 1, 0);
    let first = [whole(&range(0, 3)), whole(&range(4, 5)), whole(&range(6, 6))].concat();
    let second = vec![rows(&replay, &[(4, 41), (5, 51), (7, 71)]), end(&replay)];
    let script = Script::new([[first, vec![rows(&unknown, &[(6, 61)])]].concat(), silent(second)]);
    let world = World::new(script);
    let _running = world.start();
    world.until_live_at(7).await;
    assert_eq!(world.script.opened(), [None, Some(3)]);
    assert_eq!(world.rows(), [(0, 0), (1, 10), (2, 20), (3, 30), (4, 41), (5, 51), (7, 71)]);
}

#[tokio::test(start_paused = true)]
async fn a_long_range_is_written_ahead_of_its_end_in_whole_blocks() {
    let long = range(0, 99);
    let parts = vec![rows(&long, &tens(0..=9)), rows(&long, &[(9, 91), (10, 100)])];
    let mut world = World::new(Script::new([silent(parts)]));
    world.config.batch.rows_min = NonZeroUsize::MIN;
    world.config.batch.rows_max = NonZeroUsize::new(4).unwrap();
    let running = world.start();
    let health = world.until("written ahead", |health| health.rows == 11).await;
    // The last block may go on, so it waits.
    assert_eq!(health.provisional.map(|block| block.get()), Some(9));
    assert_eq!(health.cursor, None);
    assert_eq!(world.rows(), [tens(0..=9), vec![(9, 91)]].concat());
    running.kill().await;

    // It was not the end of the range: the next start forgets them.
    let again = World { script: Script::new([silent(whole(&long))]), ..world };
    let _running = again.start();
    again.until_live_at(99).await;
    assert_eq!(again.script.opened(), [None]);
    assert_eq!(again.rows(), tens(0..=99));
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_range_of_a_slow_server_does_not_wait_for_long() {
    let long = range(0, 99);
    let world = World::new(Script::new([silent(vec![rows(&long, &tens(0..=9))])]));
    let begun = tokio::time::Instant::now();
    let _running = world.start();
    world.until("written ahead", |health| health.provisional.is_some()).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(world.rows(), tens(0..=8));
}

#[tokio::test(start_paused = true)]
async fn rows_out_of_order_are_written_with_their_whole_range() {
    let mixed = range(0, 9);
    let acts =
        vec![rows(&mixed, &tens(0..=5)), rows(&mixed, &[(3, 31), (9, 90), (6, 60)]), end(&mixed)];
    let world = World::new(Script::new([silent(acts.clone()), silent(acts)]));
    let _running = world.start();
    world.until_live_at(9).await;
    let expected = [tens(0..=3), vec![(3, 31)], tens(4..=6), vec![(9, 90)]].concat();
    assert_eq!(world.rows(), expected);
    assert_eq!(world.table.snapshot().1.version, 1, "in one transaction");
    assert_eq!(world.script.opened().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_single_message_out_of_order_is_not_cut_however_small_transactions_are() {
    let mixed = range(0, 9);
    let content: Vec<_> =
        [0, 1, 2, 3, 4, 2, 6, 7, 8, 9].iter().map(|block| (*block, block * 10)).collect();
    let mut world = World::new(Script::new([silent(vec![rows(&mixed, &content), end(&mixed)])]));
    world.config.batch.rows_min = NonZeroUsize::MIN;
    world.config.batch.rows_max = NonZeroUsize::new(4).unwrap();
    let _running = world.start();
    world.until_live_at(9).await;
    let mut expected = content;
    expected.sort_unstable();
    assert_eq!(world.rows(), expected);
    assert_eq!(world.table.snapshot().1.version, 1, "in one transaction");
}

#[tokio::test(start_paused = true)]
async fn a_block_larger_than_the_whole_budget_passes() {
    let large = range(0, 1);
    let content: Vec<_> = (0..1_000).map(|value| (0, value)).collect();
    let parts: Vec<_> = content.chunks(100).map(|part| rows(&large, part)).collect();
    let world = {
        let acts = [parts, vec![end(&large)], whole(&range(2, 2))].concat();
        let mut world = World::new(Script::new([silent(acts)]));
        world.config.memory_limit_bytes = NonZeroUsize::new(2_048).unwrap();
        world
    };
    let _running = world.start();
    world.until_live_at(2).await;
    assert_eq!(world.rows(), [content, tens(2..=2)].concat());
}

#[tokio::test(start_paused = true)]
async fn tables_that_share_a_small_budget_all_finish() {
    let ranges: Vec<_> = (0..50).map(|n| range(n * 10, n * 10 + 9)).collect();
    let acts: Vec<_> = ranges.iter().flat_map(whole).collect();
    let worlds: Vec<_> = (0..6).map(|_| World::new(Script::new([silent(acts.clone())]))).collect();
    let mut first = worlds.first().map(|world| World::new(world.script.clone())).unwrap();
    first.config.memory_limit_bytes = NonZeroUsize::new(1_024).unwrap();
    let names = ["t", "u", "v", "w", "x", "y"];
    let tables = worlds.iter().zip(names).map(|(world, name)| world.sync(name)).collect();
    let _running = first.start_all(tables);
    let all_live = || {
        let tables = first.health.snapshot();
        tables.len() == 6 && tables.values().all(|table| table.rows == 500)
    };
    first.until("all written", |_| all_live()).await;
    for world in &worlds {
        assert_eq!(world.rows(), tens(0..=499));
    }
}

#[tokio::test(start_paused = true)]
async fn what_many_small_messages_took_of_the_budget_is_given_back() {
    let mut acts = Vec::new();
    for start in (0..1_000).step_by(5) {
        let five = range(start, start + 4);
        acts.extend(tens(start..=start + 4).iter().map(|row| rows(&five, &[*row])));
        acts.push(end(&five));
    }
    acts.extend(whole(&range(1_000, 1_999)));
    let mut world = World::new(Script::new([silent(acts)]));
    world.config.memory_limit_bytes = NonZeroUsize::new(20 << 10).unwrap();
    let _running = world.start();
    world.until_live_at(1_999).await;
    assert_eq!(world.rows(), tens(0..=1_999));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_marks_completes_a_range_by_beginning_the_next() {
    let send = |range: &_, content: &[(u64, u64)]| {
        message(vec![Clone::clone(range)], content, Mark::Absent)
    };
    let (first, second) = (range(0, 1), range(2, 2));
    let acts = vec![send(&first, &[(0, 0)]), send(&first, &[(1, 10)]), send(&second, &[(2, 20)])];
    let world = World::new(Script::new([silent(acts)]));
    let _running = world.start();
    world.until("the first range", |health| health.commits > 0).await;
    assert_eq!(world.rows(), tens(0..=1));
    let state = world.until("waiting for the second", |h| h.state == TableState::CatchingUp).await;
    assert_eq!(state.cursor.map(|cursor| cursor.number.get()), Some(1));
}
