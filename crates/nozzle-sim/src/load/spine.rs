use crate::chain::{BlockHash, Cursor, Range};

/// A chain without contents: how long it is, and where it forked.
#[derive(Clone, Debug)]
pub(super) struct Spine {
    seed: u64,
    /// How many blocks there are, from block 0 on.
    pub(super) blocks: u64,
    /// The first block of each fork, in the order in which they came. The first fork is the chain
    /// of the beginning.
    forks: Vec<u64>,
}

impl Spine {
    pub(super) fn new(seed: u64, blocks: u64) -> Self {
        Self { seed, blocks, forks: vec![0] }
    }

    /// Replaces the top `depth` blocks.
    pub(super) fn reorg(&mut self, depth: u64) {
        self.forks.push(self.blocks.saturating_sub(depth));
    }

    /// How many forks there have been.
    pub(super) fn forks(&self) -> usize {
        self.forks.len()
    }

    /// The lowest block that forks after the first `seen` ones have replaced.
    pub(super) fn replaced(&self, seen: usize) -> Option<u64> {
        self.forks.get(seen..)?.iter().min().copied()
    }

    /// The next block for a client that has `cursor`.
    pub(super) fn after(&self, cursor: &Cursor) -> u64 {
        let made = |fork: &usize| self.derive(*fork, cursor.number) == cursor.hash;
        let Some(fork) = (0..self.forks.len()).find(made) else { return 0 };
        let replaced = self.replaced(fork + 1).unwrap_or(u64::MAX);
        replaced.min(cursor.number.saturating_add(1))
    }

    /// The blocks from `start` on, `count` of them.
    pub(super) fn range(&self, start: u64, count: u64) -> Range {
        let end = start + count - 1;
        let prev_hash = start.checked_sub(1).map_or(BlockHash::ZERO, |below| self.hash(below));
        Range { start, end, hash: self.hash(end), prev_hash, timestamp: 1_700_000_000 + 12 * end }
    }

    fn hash(&self, number: u64) -> BlockHash {
        self.derive(self.forks.iter().rposition(|from| *from <= number).unwrap_or(0), number)
    }

    fn derive(&self, fork: usize, number: u64) -> BlockHash {
        BlockHash::derive(self.seed, u64::try_from(fork).unwrap_or(u64::MAX), number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_on_a_replaced_block_goes_back_to_where_the_forks_part() {
        let mut spine = Spine::new(1, 10);
        let (old, kept) = (spine.range(0, 10).cursor(), spine.range(0, 5).cursor());
        assert_eq!(spine.after(&old), 10);
        spine.reorg(3);
        assert_eq!((spine.after(&old), spine.after(&kept)), (7, 5));
        assert_eq!(spine.replaced(1), Some(7));
        let new = spine.range(7, 3);
        assert_ne!(new.hash, old.hash);
        assert_eq!(new.prev_hash, spine.range(0, 7).hash);
        spine.reorg(2);
        assert_eq!((spine.after(&old), spine.after(&new.cursor())), (7, 8));
    }
}
