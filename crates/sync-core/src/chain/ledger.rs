use std::collections::VecDeque;

use super::{BlockHash, BlockNum, BlockRange};

/// The completed ranges of a table, ascending and without overlap: the hashes against which
/// everything the server says of the past is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    ranges: VecDeque<BlockRange>,
}

/// What the ledger knows of one block's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// A range ends at the block: this is its hash.
    Known(BlockHash),
    /// The block lies inside a range, of which only the last hash is known.
    Inside,
    /// The block lies between two ranges, in a gap that an old server left silently.
    Gap,
    /// The block lies below or above everything recorded.
    Outside,
}

impl Ledger {
    /// The lowest range.
    #[must_use]
    pub fn first(&self) -> Option<&BlockRange> {
        self.ranges.front()
    }

    /// The highest range.
    #[must_use]
    pub fn last(&self) -> Option<&BlockRange> {
        self.ranges.back()
    }

    /// The ranges, lowest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &BlockRange> {
        self.ranges.iter()
    }

    /// How many ranges there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// What is known of the hash of `block`.
    #[must_use]
    pub fn hash_at(&self, block: BlockNum) -> Parent {
        let index = self.ranges.partition_point(|range| range.end() < block);
        match self.ranges.get(index) {
            Some(range) if range.end() == block => Parent::Known(range.hash()),
            Some(range) if range.start() <= block => Parent::Inside,
            // The lowest range also tells the hash of its parent.
            Some(range) if index == 0 => match range.parent() {
                Some(parent) if parent.number == block => Parent::Known(parent.hash),
                _ => Parent::Outside,
            },
            Some(_) => Parent::Gap,
            None => Parent::Outside,
        }
    }

    /// The `steps`-th range counted down from the highest one that ends below `block`.
    #[must_use]
    pub fn below(&self, block: BlockNum, steps: usize) -> Option<&BlockRange> {
        let above = self.ranges.partition_point(|range| range.end() < block);
        above.checked_sub(1 + steps).and_then(|index| self.ranges.get(index))
    }

    /// Adds a completed range above all others.
    ///
    /// # Panics
    /// When the range does not lie above the last one: the engine decides that before.
    pub fn push(&mut self, range: BlockRange) {
        if let Some(last) = self.last() {
            assert!(last.end() < range.start(), "the ledger must grow: {last} then {range}");
        }
        self.ranges.push_back(range);
    }

    /// Forgets all from `base` on. A range that spans it keeps its lower part, which ends in
    /// `parent`; with the parent's hash unknown, that range goes altogether.
    pub fn truncate(&mut self, base: BlockNum, parent: Option<BlockHash>) {
        let keep = self.ranges.partition_point(|range| range.end() < base);
        let split = self.ranges.get(keep).and_then(|range| range.below(base, parent?));
        self.ranges.truncate(keep);
        self.ranges.extend(split);
    }

    /// Forgets the ranges that end below `floor`.
    pub fn prune(&mut self, floor: BlockNum) {
        while self.ranges.front().is_some_and(|range| range.end() < floor) {
            self.ranges.pop_front();
        }
    }
}

impl FromIterator<BlockRange> for Ledger {
    fn from_iter<I: IntoIterator<Item = BlockRange>>(ranges: I) -> Self {
        let mut ledger = Self::default();
        ranges.into_iter().for_each(|range| ledger.push(range));
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Network;

    fn range(start: u32, end: u32) -> BlockRange {
        let hash = BlockHash([u8::try_from(end).unwrap(); 32]);
        BlockRange::new(Network::new("n"), start.into(), end.into(), hash, None).unwrap()
    }

    fn ends(ledger: &Ledger) -> Vec<(u64, u64)> {
        ledger.iter().map(|range| (range.start().get(), range.end().get())).collect()
    }

    #[test]
    fn the_hash_of_a_block_is_known_only_where_a_range_ends() {
        let ledger: Ledger = [range(3, 5), range(6, 6), range(8, 9)].into_iter().collect();
        let known = |n: u32| ledger.hash_at(n.into());
        assert_eq!(known(5), Parent::Known(BlockHash([5; 32])));
        assert_eq!(known(6), Parent::Known(BlockHash([6; 32])));
        assert_eq!([known(3), known(4), known(8)], [Parent::Inside; 3]);
        assert_eq!(
            [known(2), known(7), known(10)],
            [Parent::Outside, Parent::Gap, Parent::Outside]
        );
    }

    #[test]
    fn truncation_splits_the_range_it_falls_into() {
        let mut ledger: Ledger = [range(0, 3), range(4, 9)].into_iter().collect();
        ledger.truncate(7u32.into(), Some(BlockHash([6; 32])));
        assert_eq!(ends(&ledger), [(0, 3), (4, 6)]);
        assert_eq!(ledger.hash_at(6u32.into()), Parent::Known(BlockHash([6; 32])));
        ledger.truncate(4u32.into(), Some(BlockHash([3; 32])));
        assert_eq!(ends(&ledger), [(0, 3)]);
        ledger.truncate(2u32.into(), None);
        assert!(ledger.is_empty());
    }

    #[test]
    fn pruning_keeps_the_range_that_reaches_the_floor() {
        let mut ledger: Ledger = [range(0, 3), range(4, 9)].into_iter().collect();
        ledger.prune(4u32.into());
        assert_eq!(ends(&ledger), [(4, 9)]);
        assert_eq!(ledger.below(12u32.into(), 0), Some(&range(4, 9)));
        assert_eq!(ledger.below(9u32.into(), 0), None);
    }
}
