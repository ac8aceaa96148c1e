use serde::{Deserialize, Serialize};

use super::{Block, BlockHash, Chain};

/// The last block a client has completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its height.
    pub number: u64,
    /// Its hash, by which the server tells the fork.
    pub hash: BlockHash,
}

/// The blocks of one microbatch, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first block.
    pub start: u64,
    /// The last block.
    pub end: u64,
    /// The hash of block `end`.
    pub hash: BlockHash,
    /// The parent of block `start`.
    pub prev_hash: BlockHash,
    /// Unix seconds of block `end`.
    pub timestamp: u64,
}

impl Range {
    pub(crate) fn of(first: &Block, last: &Block) -> Self {
        Self {
            start: first.number,
            end: last.number,
            hash: last.hash,
            prev_hash: first.parent,
            timestamp: last.timestamp,
        }
    }

    /// The cursor of a client that has completed the range.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { number: self.end, hash: self.hash }
    }
}

/// What a stream that stands at `cursor` sends next, at most `blocks_max` blocks; `None` while
/// it has to wait in silence.
#[must_use]
pub fn next_range(chain: &Chain, cursor: Option<&Cursor>, blocks_max: u64) -> Option<Range> {
    let earliest = chain.stored().first()?;
    let head = chain.head()?;
    let start = match cursor {
        None => earliest.number,
        Some(cursor) if chain.is_canonical(cursor.number, &cursor.hash) => {
            cursor.number.checked_add(1)?
        }
        Some(cursor) => reorg_base(chain, cursor).max(earliest.number),
    };
    let end = head.number.min(start.saturating_add(blocks_max.max(1) - 1));
    Some(Range::of(chain.block(start)?, chain.block(end)?))
}

/// The lowest block to replay for a cursor that is not canonical: the lowest orphan between it
/// and the canonical chain, as far as the server remembers; `cursor.number` if it does not even
/// remember the cursor's own block.
fn reorg_base(chain: &Chain, cursor: &Cursor) -> u64 {
    let known = chain.orphan(&cursor.hash).filter(|block| block.number == cursor.number);
    let Some(mut lowest) = known else { return cursor.number };
    while let Some(parent) = chain.orphan(&lowest.parent) {
        lowest = parent;
    }
    lowest.number
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn chain(blocks: u64) -> Chain {
        let mut chain = Chain::new(3, "n");
        chain.mine(blocks);
        chain
    }

    fn at(chain: &Chain, number: u64) -> Cursor {
        Cursor { number, hash: chain.block(number).unwrap().hash }
    }

    fn numbers(chain: &Chain, cursor: Option<&Cursor>, blocks_max: u64) -> Option<(u64, u64)> {
        next_range(chain, cursor, blocks_max).map(|range| (range.start, range.end))
    }

    #[test]
    fn a_new_client_begins_with_the_earliest_block() {
        assert_eq!(numbers(&chain(0), None, 10), None);
        assert_eq!(numbers(&chain(25), None, 10), Some((0, 9)));
        let mut late = Chain::starting_at(3, "n", 50);
        late.mine(3);
        assert_eq!(numbers(&late, None, 10), Some((50, 52)));
    }

    #[test]
    fn a_reorg_starts_at_the_lowest_orphan() {
        let mut chain = chain(105);
        let cursor = at(&chain, 104);
        chain.reorg(2);
        let range = next_range(&chain, Some(&cursor), 1000).unwrap();
        assert_eq!((range.start, range.end), (103, 105));
        assert_eq!(range.prev_hash, chain.block(102).unwrap().hash);
        assert_eq!(range.hash, chain.block(105).unwrap().hash);
    }

    #[test]
    fn a_forgotten_fork_starts_at_the_cursor() {
        let mut chain = chain(105);
        let cursor = at(&chain, 104);
        chain.reorg(4);
        chain.forget_forks();
        assert_eq!(numbers(&chain, Some(&cursor), 1000), Some((104, 105)));
    }

    #[test]
    fn a_cursor_above_the_head_waits_for_its_block() {
        let mut chain = chain(20);
        let cursor = at(&chain, 15);
        chain.resync(Some(10));
        assert_eq!(numbers(&chain, Some(&cursor), 1000), None);
        chain.resync(Some(15));
        assert_eq!(numbers(&chain, Some(&cursor), 1000), None, "its block is known: nothing new");
        chain.follow();
        assert_eq!(numbers(&chain, Some(&cursor), 1000), Some((16, 19)));
        let stranger = Cursor { number: 18, hash: cursor.hash.corrupted() };
        assert_eq!(numbers(&chain, Some(&stranger), 1000), Some((18, 19)));
    }

    #[derive(Clone, Debug)]
    enum Op {
        Mine(u64),
        Reorg(u64, u64),
        Forget,
        Resync(u64),
        Follow,
        Read(u64),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            3 => (1..12u64).prop_map(Op::Mine),
            3 => (1..9u64, 1..4u64).prop_map(|(depth, more)| Op::Reorg(depth, more)),
            1 => Just(Op::Forget),
            1 => (0..40u64).prop_map(Op::Resync),
            1 => Just(Op::Follow),
            5 => (1..9u64).prop_map(Op::Read),
        ];
        vec(op, 1..60)
    }

    /// The number of the highest block that the cursor's fork shares with the canonical chain.
    fn fork_point(chain: &Chain, cursor: &Cursor) -> Option<u64> {
        let mut block = chain.by_hash(&cursor.hash)?;
        while !chain.is_canonical(block.number, &block.hash) {
            block = chain.by_hash(&block.parent)?;
        }
        Some(block.number)
    }

    fn check(chain: &Chain, cursor: Option<&Cursor>, range: &Range, blocks_max: u64) {
        let first = chain.block(range.start).expect("the range is stored");
        let last = chain.block(range.end).expect("the range is stored");
        assert_eq!(*range, Range::of(first, last));
        assert!(range.start <= range.end && range.end - range.start < blocks_max);
        let full = range.end - range.start + 1 == blocks_max;
        assert!(full || last == chain.head().unwrap(), "a range is full or reaches the head");
        let Some(cursor) = cursor else { return assert_eq!(range.start, 0) };
        if chain.is_canonical(cursor.number, &cursor.hash) {
            assert_eq!(range.start, cursor.number + 1);
        } else if chain.orphan(&cursor.hash).is_none() {
            assert_eq!(range.start, cursor.number);
        } else {
            // What the server remembers of the fork may end above the fork point.
            let above = fork_point(chain, cursor).map_or(0, |number| number + 1);
            assert!(above <= range.start && range.start <= cursor.number);
        }
    }

    proptest! {
        /// Whatever happens, a range is what the protocol says it is.
        #[test]
        fn every_range_keeps_the_rules(ops in ops()) {
            let mut chain = chain(1);
            let mut cursor = None;
            for op in ops {
                match op {
                    Op::Mine(blocks) => chain.mine(blocks),
                    Op::Reorg(depth, more) => {
                        let length = u64::try_from(chain.canonical_len()).unwrap();
                        let depth = depth.min(length);
                        chain.reorg_by(depth, depth + more);
                    }
                    Op::Forget => chain.forget_forks(),
                    Op::Resync(through) => chain.resync(Some(through)),
                    Op::Follow => chain.follow(),
                    Op::Read(blocks_max) => {
                        if let Some(range) = next_range(&chain, cursor.as_ref(), blocks_max) {
                            check(&chain, cursor.as_ref(), &range, blocks_max);
                            cursor = Some(range.cursor());
                        }
                    }
                }
            }
        }

        /// While no fork is forgotten, a client that replaces everything from each range's start
        /// on ends with the canonical chain, and each range fits what is below it.
        #[test]
        fn a_client_that_replaces_from_the_start_on_ends_canonical(ops in ops()) {
            let mut chain = chain(1);
            let mut cursor = None;
            let mut client: BTreeMap<u64, BlockHash> = BTreeMap::new();
            for op in ops.into_iter().chain([Op::Read(1000), Op::Read(1000)]) {
                match op {
                    Op::Mine(blocks) => chain.mine(blocks),
                    Op::Reorg(depth, more) => {
                        let depth = depth.min(u64::try_from(chain.stored().len()).unwrap());
                        chain.reorg_by(depth, depth + more);
                    }
                    Op::Forget | Op::Resync(_) | Op::Follow => {}
                    Op::Read(blocks_max) => {
                        let next = next_range(&chain, cursor.as_ref(), blocks_max);
                        let Some(range) = next else { continue };
                        client.split_off(&range.start);
                        let below = client.last_key_value();
                        let parent = below.map_or(BlockHash::ZERO, |(_, hash)| *hash);
                        prop_assert_eq!(range.prev_hash, parent);
                        let blocks = chain.blocks(range.start..=range.end);
                        client.extend(blocks.iter().map(|block| (block.number, block.hash)));
                        cursor = Some(range.cursor());
                    }
                }
            }
            let canonical = chain.stored().iter().map(|block| (block.number, block.hash));
            prop_assert_eq!(client, canonical.collect::<BTreeMap<_, _>>());
        }
    }
}
