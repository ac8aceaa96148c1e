use super::world::{Event, Setup, World};
use crate::config::BeyondRetention;

const EVENTS: [Event; 9] = [
    Event::Mine(1),
    Event::Mine(3),
    Event::Reorg(1),
    Event::Reorg(3),
    Event::ForgetForks,
    Event::Receive(2),
    Event::Receive(9),
    Event::Commit(1),
    Event::Crash,
];

const SETUP: Setup = Setup {
    range_blocks: 3,
    rows_max: 2,
    marks: true,
    retention: 1_000,
    beyond_retention: BeyondRetention::Stop,
};

/// Every sequence of `length` events, by counting in base `EVENTS.len()`.
fn sequences(length: u32) -> impl Iterator<Item = Vec<Event>> {
    let base = EVENTS.len();
    (0..base.pow(length))
        .map(move |index| (0..length).map(|place| EVENTS[index / base.pow(place) % base]).collect())
}

#[test]
fn every_sequence_of_six_events_ends_in_the_canonical_table() {
    for length in 1..=6 {
        for events in sequences(length) {
            let mut world = World::new(SETUP);
            world.chain.mine(5);
            world.happen(Event::Receive(6));
            events.iter().for_each(|event| world.happen(*event));
            world.settle();
            let blocks = world.chain.len();
            assert_eq!(world.refusal, None, "{events:?}");
            assert_eq!(world.rows(), world.canonical_rows(blocks), "{events:?}");
            assert_eq!(world.stored.cursor, world.chain.cursor(blocks - 1), "{events:?}");
        }
    }
}
