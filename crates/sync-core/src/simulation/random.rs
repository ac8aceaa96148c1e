use proptest::prelude::*;

use super::world::{Event, Setup, World};
use crate::config::BeyondRetention;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1_u64..12).prop_map(Event::Mine),
        3 => (1_u64..25).prop_map(Event::Reorg),
        1 => Just(Event::ForgetForks),
        6 => (1_usize..20).prop_map(Event::Receive),
        3 => (1_usize..20).prop_map(Event::Commit),
        1 => Just(Event::LoseReply),
        1 => Just(Event::Crash),
    ]
}

/// Servers without completion marks had ranges of up to 100,000 blocks.
fn setup(marks: bool) -> impl Strategy<Value = Setup> {
    (1_u64..20, 1_usize..7).prop_map(move |(range_blocks, rows_max)| Setup {
        range_blocks: if marks { range_blocks } else { 100_000 },
        rows_max,
        marks,
        retention: 100_000,
        beyond_retention: BeyondRetention::Stop,
    })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..40)
}

fn run(setup: Setup, events: &[Event]) -> World {
    let mut world = World::new(setup);
    world.chain.mine(1);
    events.iter().for_each(|event| world.happen(*event));
    world
}

fn assert_canonical(world: &World) {
    let blocks = world.chain.len();
    assert_eq!(world.refusal, None);
    assert_eq!(world.rows(), world.canonical_rows(blocks));
    assert_eq!(world.stored.cursor, world.chain.cursor(blocks - 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_schedule_ends_in_the_canonical_table(setup in setup(true), events in events()) {
        let mut world = run(setup, &events);
        world.settle();
        assert_canonical(&world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_server_set_up_anew_replaces_the_table(
        setup in setup(true), before in events(), after in events(),
    ) {
        let mut world = run(setup, &before);
        let height = world.chain.len();
        world.happen(Event::Redeploy);
        after.iter().for_each(|event| world.happen(*event));
        // It streams nothing until it has reached the block where the table is.
        world.chain.mine(height);
        world.settle();
        assert_canonical(&world);
    }

    #[test]
    fn deeper_than_the_ledger_the_table_is_streamed_anew(
        setup in setup(true), events in events(), retention in 1_u64..12,
    ) {
        let beyond_retention = BeyondRetention::Resync;
        let mut world = run(Setup { retention, beyond_retention, ..setup }, &events);
        world.settle();
        assert_canonical(&world);
    }

    #[test]
    fn deeper_than_the_ledger_the_table_stops_and_keeps_one_fork(
        setup in setup(true), events in events(), retention in 1_u64..12,
    ) {
        let mut world = run(Setup { retention, ..setup }, &events);
        world.settle();
        match &world.refusal {
            None => assert_canonical(&world),
            Some(crate::machine::Refusal::BeyondLedger(_)) => {}
            Some(refusal) => panic!("{refusal:?}"),
        }
    }

    #[test]
    fn a_server_without_completion_marks_is_followed_up_to_its_last_range(
        setup in setup(false), events in events(),
    ) {
        let mut world = run(setup, &events);
        // A reorg that leaves no row is invisible until more rows come; the last range stays open.
        for _ in 0..6 {
            world.chain.mine(1);
            world.settle();
        }
        assert_eq!(world.refusal, None);
        let cursor = world.stored.cursor.clone().expect("something was completed");
        assert_eq!(world.chain.cursor(cursor.number.get()), Some(cursor.clone()));
        let mut rows = world.rows();
        rows.retain(|row| row.0 <= cursor.number.get());
        assert_eq!(rows, world.canonical_rows(cursor.number.get() + 1));
    }
}
