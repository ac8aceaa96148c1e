//! What the engine tells of itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sync_core::chain::{BlockNum, BlockRange};
use sync_core::{FailureClass, Fault, HealthBoard, LastReorg, Mark, NotReady, TableState};
use tokio::sync::Semaphore;

use crate::faulty::{Injected, Op};
use crate::script::{Act, Script, end, message, range, range_on, rows, whole};
use crate::world::World;

fn silent(acts: Vec<Act>) -> Vec<Act> {
    [acts, vec![Act::Silence]].concat()
}

fn timed(range: BlockRange, seconds: u64) -> BlockRange {
    range.with_timestamp(Some(seconds))
}

#[tokio::test(start_paused = true)]
async fn what_was_received_and_committed_is_counted() {
    let last = timed(range(3, 3), 1_700_000_000);
    let world = World::new(Script::new([silent([whole(&range(0, 2)), whole(&last)].concat())]));
    let _running = world.start();
    let health = world.until_live_at(3).await;
    assert_eq!((health.rows, health.batches, health.sessions), (4, 2, 1));
    assert!(health.bytes >= 4 * 16, "{} bytes of four rows of two numbers", health.bytes);
    assert_eq!(health.flush_time.count(), health.commits);
    assert_eq!(health.commit_time.count(), health.commits);
    assert_eq!((health.buffered_bytes, health.ready_bytes, health.behind_since), (0, 0, None));
    assert_eq!(health.network.map(|network| network.to_string()).as_deref(), Some("testnet"));
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    assert_eq!(health.cursor_time, Some(made));
    assert!(health.heard.is_some() && health.last_commit.is_some());
    assert_eq!(health.head.map(|head| head.number.get()), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_reorg_is_told_with_its_depth_and_its_rows() {
    let fork = range_on(3, 6, 1, 0);
    let replaced = vec![rows(&fork, &[(3, 31), (6, 61)]), end(&fork)];
    let script = Script::new([silent([whole(&range(0, 5)), replaced].concat())]);
    let world = World::new(script);
    let _running = world.start();
    let health = world.until_live_at(6).await;
    let Some(LastReorg { start, end, rows, .. }) = health.last_reorg else {
        panic!("no reorg: {health:?}")
    };
    assert_eq!((start.get(), end.get(), rows), (3, 5, Some(3)));
    assert_eq!((health.reorg_rows, health.reorg_depth.count()), (3, 1));
    assert_eq!(health.reorg_depth.sum(), 3.0);
}

#[tokio::test(start_paused = true)]
async fn rows_in_memory_are_told_until_they_are_committed() {
    let gate = Arc::new(Semaphore::new(0));
    let world = World::new(Script::new([silent(whole(&range(0, 2)))]));
    world.faults.inject(Op::Commit, [Injected::Waits(Arc::clone(&gate))]);
    let _running = world.start();
    let health = world.until("being written", |health| health.ready_bytes > 0).await;
    assert_eq!(health.state, TableState::CatchingUp);
    assert_eq!(health.buffered_bytes, health.ready_bytes);
    assert!(health.behind_since.is_some());
    let memory = world.health.memory().unwrap();
    assert_eq!(memory.used_bytes, health.buffered_bytes);
    assert_eq!(memory.limit_bytes, world.config.memory_limit_bytes.get());
    gate.add_permits(1);
    let health = world.until_live_at(2).await;
    assert_eq!((health.buffered_bytes, world.health.memory().unwrap().used_bytes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_by_who_failed() {
    let lie = vec![rows(&range(0, 2), &[(9, 90)])];
    let failing = vec![Act::Fail(Fault::Transient)];
    let script = Script::new([lie, failing, vec![Act::Panic], silent(whole(&range(0, 2)))]);
    let world = World::new(script);
    world.faults.inject(Op::Begin, vec![Injected::Fails(Fault::Transient); 2]);
    let _running = world.start();
    let health = world.until_live_at(2).await;
    let retries: Vec<_> = health.retries.into_iter().collect();
    assert_eq!(
        retries,
        [
            (FailureClass::Server, 1),
            (FailureClass::Database, 2),
            (FailureClass::Refused, 1),
            (FailureClass::Panic, 1),
        ]
    );
    assert_eq!(health.sessions, 4);
    assert_eq!(health.commit_time.count(), health.commits);
    let error = health.last_error.as_ref().map(|error| error.class);
    assert_eq!(error, Some(FailureClass::Panic), "the last one is still told");
}

#[tokio::test(start_paused = true)]
async fn a_probe_puts_the_head_on_the_board_and_never_below_the_table() {
    let world = World::new(Script::new([silent(whole(&range(0, 9)))]));
    let _running = world.start();
    world.until_live_at(9).await;
    world.health.head_found(["t", "nobody"], BlockNum::from(25));
    let health = &world.health.snapshot()["t"];
    assert_eq!(health.lag_blocks(), Some(16));
    let since = health.behind_since.unwrap();
    assert_eq!(health.readiness(since + Duration::from_secs(300)), Ok(()));
    let stalled = health.readiness(since + Duration::from_secs(301));
    assert!(matches!(stalled, Err(NotReady::Stalled { .. })), "{stalled:?}");
    world.health.head_found(["t"], BlockNum::from(4));
    let tables = world.health.snapshot();
    assert_eq!(tables["t"].lag_blocks(), Some(0));
    assert!(!tables.contains_key("nobody"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_mark_ranges_is_not_waited_for_at_the_head() {
    let old = message(vec![range(0, 2)], &[(2, 20)], Mark::Absent);
    let world = World::new(Script::new([silent(vec![old])]));
    let _running = world.start();
    world.until("rows", |health| health.batches > 0).await;
    world.health.head_found(["t"], BlockNum::from(25));
    let health = &world.health.snapshot()["t"];
    assert!(!health.ranges_marked);
    assert_eq!(health.stalled(SystemTime::now() + Duration::from_secs(9_999)), None);
}

#[tokio::test(start_paused = true)]
async fn to_open_a_silent_stream_anew_is_no_progress() {
    let world = World::new(Script::new([silent(whole(&range(0, 2)))]));
    let _running = world.start();
    let before = world.until_live_at(2).await;
    let after = world.until("opened anew", |health| health.sessions == 2).await;
    assert_eq!(after.progressed, before.progressed);
}

#[tokio::test(start_paused = true)]
async fn every_table_is_on_the_board_before_the_first_has_begun() {
    let gate = Injected::Waits(Arc::new(Semaphore::new(0)));
    let world = World::new(Script::default());
    world.faults.inject(Op::Prepare, vec![gate; 2]);
    assert!(HealthBoard::default().memory().is_none());
    let _running = world.start_all(vec![world.sync("a"), world.sync("b")]);
    while world.health.memory().is_none() {
        tokio::task::yield_now().await;
    }
    let tables = world.health.snapshot();
    let states: Vec<_> = tables.values().map(|health| health.state).collect();
    assert_eq!(states, [TableState::Starting; 2]);
    assert_eq!(tables["a"].readiness(SystemTime::now()), Err(NotReady::Starting));
}
