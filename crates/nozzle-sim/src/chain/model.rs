use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use super::{Block, BlockHash};

/// A network's chain with all its forks, and what one server has stored of it.
///
/// The *network* has one canonical chain, which grows and is reorganised. The *server* follows
/// its head by default; [`Chain::resync`] holds it back. A block never vanishes from the model:
/// [`Chain::forget_forks`] clears only the server's memory of orphans, not the oracle's.
#[derive(Clone, Debug)]
pub struct Chain {
    seed: u64,
    network: String,
    first: u64,
    /// The network's canonical chain, from `first` up.
    canonical: Vec<Block>,
    /// Every block ever made.
    blocks: HashMap<BlockHash, Block>,
    /// The orphans that the server stored and has not forgotten.
    orphans: HashSet<BlockHash>,
    /// How many forks there were; each gives its blocks hashes of their own.
    forks: u64,
    /// How far the server is held back; `None` while it follows the head.
    held: Option<Held>,
}

/// How far a server that is held back has stored the chain; `None`: nothing at all.
type Held = Option<u64>;

impl Chain {
    /// An empty chain that will begin with block 0.
    #[must_use]
    pub fn new(seed: u64, network: &str) -> Self {
        Self::starting_at(seed, network, 0)
    }

    /// An empty chain whose first block will be `first`, as in a dataset with a start block.
    #[must_use]
    pub fn starting_at(seed: u64, network: &str, first: u64) -> Self {
        Self {
            seed,
            network: network.to_owned(),
            first,
            canonical: Vec::new(),
            blocks: HashMap::new(),
            orphans: HashSet::new(),
            forks: 0,
            held: None,
        }
    }

    /// The network's name.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Adds `blocks` blocks to the canonical chain.
    pub fn mine(&mut self, blocks: u64) {
        for _ in 0..blocks {
            let (number, parent) = match self.canonical.last() {
                Some(head) => (head.number + 1, head.hash),
                None => (self.first, self.root()),
            };
            let block = Block::derive(self.seed, self.forks, number, parent);
            self.blocks.insert(block.hash, block);
            self.canonical.push(block);
        }
    }

    /// Replaces the top `depth` blocks by `depth + 1` new ones.
    ///
    /// # Panics
    /// When the chain is not that long, or `depth` is zero.
    pub fn reorg(&mut self, depth: u64) {
        self.reorg_by(depth, depth + 1);
    }

    /// Replaces the top `depth` blocks by `mined` new ones.
    ///
    /// # Panics
    /// When the chain is not that long, `depth` is zero, or the new branch is not longer than
    /// the old one: a server does not show such a fork.
    pub fn reorg_by(&mut self, depth: u64, mined: u64) {
        assert!(depth > 0, "a reorg replaces at least one block");
        assert!(mined > depth, "a branch must be longer than the one it replaces");
        let length = self.canonical.len();
        let keep = usize::try_from(depth).ok().and_then(|depth| length.checked_sub(depth));
        assert!(keep.is_some(), "a reorg of depth {depth} on a chain of {length} blocks");
        self.orphan_from(keep.unwrap_or(length));
        self.forks += 1;
        self.mine(mined);
    }

    /// Makes the branch that ends in the orphan `tip` canonical again, and mines on it until it
    /// is longer than the branch it replaces.
    ///
    /// # Panics
    /// When no block has the hash `tip`.
    pub fn reorg_to(&mut self, tip: &BlockHash) {
        let length = self.canonical.len();
        let mut branch = Vec::new();
        let mut next = self.blocks.get(tip).copied();
        assert!(next.is_some(), "no block has the hash {tip}");
        while let Some(block) = next.filter(|block| self.network_block(block.number) != Some(block))
        {
            branch.push(block);
            next = self.blocks.get(&block.parent).copied();
        }
        let base = branch.last().map_or(length, |lowest| self.position(lowest.number));
        self.orphan_from(base);
        branch.reverse();
        branch.iter().for_each(|block| _ = self.orphans.remove(&block.hash));
        self.canonical.append(&mut branch);
        self.forks += 1;
        let missing = (length + 1).saturating_sub(self.canonical.len());
        self.mine(u64::try_from(missing).unwrap_or(0));
    }

    /// The server forgets every orphan, as if its files had been collected.
    pub fn forget_forks(&mut self) {
        self.orphans.clear();
    }

    /// The server starts over: it forgets every orphan and has stored only the canonical blocks
    /// up to `through` (`None`: nothing yet). It stays there until [`Chain::follow`].
    pub fn resync(&mut self, through: Option<u64>) {
        self.forget_forks();
        self.held = Some(through);
    }

    /// The server catches up with the head and follows it from now on.
    pub fn follow(&mut self) {
        self.held = None;
    }

    /// The canonical blocks that the server has stored.
    #[must_use]
    pub fn stored(&self) -> &[Block] {
        let length = match self.held {
            None => self.canonical.len(),
            Some(None) => 0,
            Some(Some(through)) if through < self.first => 0,
            Some(Some(through)) => (self.position(through) + 1).min(self.canonical.len()),
        };
        &self.canonical[..length]
    }

    /// The highest canonical block that the server has stored.
    #[must_use]
    pub fn head(&self) -> Option<&Block> {
        self.stored().last()
    }

    /// The canonical block `number`, if the server has stored it.
    #[must_use]
    pub fn block(&self, number: u64) -> Option<&Block> {
        (number >= self.first).then(|| self.stored().get(self.position(number))).flatten()
    }

    /// The stored canonical blocks in `numbers`.
    #[must_use]
    pub fn blocks(&self, numbers: RangeInclusive<u64>) -> &[Block] {
        let stored = self.stored();
        let from = self.position(*numbers.start()).min(stored.len());
        let to = self.position(numbers.end().saturating_add(1)).min(stored.len());
        stored.get(from..to).unwrap_or_default()
    }

    /// Whether the server has stored the block and it is canonical.
    #[must_use]
    pub fn is_canonical(&self, number: u64, hash: &BlockHash) -> bool {
        self.block(number).is_some_and(|block| block.hash == *hash)
    }

    /// The block with this hash, on whatever fork, forgotten or not.
    #[must_use]
    pub fn by_hash(&self, hash: &BlockHash) -> Option<&Block> {
        self.blocks.get(hash)
    }

    /// The orphan with this hash, if the server still knows it.
    #[must_use]
    pub fn orphan(&self, hash: &BlockHash) -> Option<&Block> {
        self.orphans.get(hash).and_then(|hash| self.blocks.get(hash))
    }

    /// What block `number` could be if there were one: for a server that lies.
    pub(crate) fn phantom(&self, number: u64) -> Block {
        Block::derive(self.seed, u64::MAX, number, BlockHash::ZERO)
    }

    /// How long the network's chain is, stored or not.
    #[cfg(test)]
    pub(super) fn canonical_len(&self) -> usize {
        self.canonical.len()
    }

    fn orphan_from(&mut self, position: usize) {
        let stored = self.stored().len();
        let seen = self.canonical.get(position..stored).unwrap_or_default();
        self.orphans.extend(seen.iter().map(|block| block.hash));
        self.canonical.truncate(position);
    }

    fn network_block(&self, number: u64) -> Option<&Block> {
        self.canonical.get(self.position(number))
    }

    fn position(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX - 1)
    }

    fn root(&self) -> BlockHash {
        let below = self.first.checked_sub(1);
        below.map_or(BlockHash::ZERO, |number| BlockHash::derive(self.seed, 0, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_follows_from_its_seed() {
        let mut chains = [Chain::new(5, "n"), Chain::new(5, "n"), Chain::new(6, "n")];
        for chain in &mut chains {
            chain.mine(9);
            chain.reorg(4);
        }
        assert_eq!(chains[0].stored(), chains[1].stored());
        assert_ne!(chains[0].head(), chains[2].head());
    }

    #[test]
    fn every_block_points_to_the_one_below() {
        let mut chain = Chain::new(5, "n");
        chain.mine(9);
        chain.reorg(4);
        chain.reorg_by(2, 5);
        assert_eq!(chain.stored().len(), 13);
        assert_eq!(chain.stored()[0].parent, BlockHash::ZERO);
        for pair in chain.stored().windows(2) {
            assert_eq!((pair[1].number, pair[1].parent), (pair[0].number + 1, pair[0].hash));
        }
    }

    #[test]
    fn a_chain_may_begin_above_zero() {
        let mut chain = Chain::starting_at(5, "n", 100);
        chain.mine(3);
        assert_eq!(chain.stored()[0].number, 100);
        assert_ne!(chain.stored()[0].parent, BlockHash::ZERO);
        assert_eq!(chain.block(99), None);
        assert_eq!(chain.blocks(0..=101).len(), 2);
        assert_eq!(chain.blocks(102..=500), &chain.stored()[2..]);
    }

    #[test]
    fn the_server_forgets_orphans_and_the_oracle_does_not() {
        let mut chain = Chain::new(5, "n");
        chain.mine(4);
        let orphan = *chain.head().unwrap();
        chain.reorg(1);
        assert_eq!(chain.orphan(&orphan.hash), Some(&orphan));
        chain.forget_forks();
        assert_eq!(chain.orphan(&orphan.hash), None);
        assert_eq!(chain.by_hash(&orphan.hash), Some(&orphan));
    }

    #[test]
    fn a_server_that_is_held_back_remembers_only_orphans_it_had_stored() {
        let mut chain = Chain::new(5, "n");
        chain.mine(6);
        let (seen, unseen) = (chain.stored()[3], chain.stored()[4]);
        chain.resync(Some(3));
        assert_eq!(chain.head(), Some(&seen));
        chain.reorg(3);
        assert_eq!(chain.orphan(&seen.hash), Some(&seen));
        assert_eq!(chain.orphan(&unseen.hash), None);
        chain.resync(None);
        assert_eq!(chain.head(), None);
        chain.follow();
        assert_eq!(chain.head().map(|head| head.number), Some(6));
    }

    #[test]
    fn an_old_fork_can_become_canonical_again() {
        let mut chain = Chain::new(5, "n");
        chain.mine(6);
        let old = *chain.head().unwrap();
        chain.reorg(3);
        let newer = *chain.head().unwrap();
        chain.reorg_to(&old.hash);
        assert!(chain.is_canonical(old.number, &old.hash));
        assert_eq!(chain.orphan(&old.hash), None);
        assert_eq!(chain.orphan(&newer.hash), Some(&newer));
        assert_eq!(chain.head().map(|head| head.number), Some(newer.number + 1));
    }
}
