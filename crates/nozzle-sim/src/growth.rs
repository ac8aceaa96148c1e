use std::fmt;

use crate::chain::BlockHash;
use crate::server::SimServer;

/// How the chain of `nozzle-sim serve` grows: step by step, a block or a reorg each.
///
/// The same steps make the same chain. Whoever knows the seed and how many there were can build it
/// elsewhere, and knows every row that a client must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many blocks there are at the start.
    pub start_blocks: u64,
    /// A reorg after this many steps; 0 for none.
    pub reorg_every: u64,
    /// How many blocks a reorg replaces; 0 for no reorgs.
    pub reorg_depth: u64,
}

impl Default for Growth {
    /// A hundred blocks at the start; every tenth step replaces three.
    fn default() -> Self {
        Self { start_blocks: 100, reorg_every: 10, reorg_depth: 3 }
    }
}

impl Growth {
    /// Makes the blocks of the start.
    pub fn begin(&self, server: &SimServer) {
        server.mine(self.start_blocks);
    }

    /// Takes one step, the first of which is number 1.
    pub fn step(&self, server: &SimServer, number: u64) -> Grown {
        let Self { reorg_every, reorg_depth, .. } = *self;
        let length = server.chain().stored().len();
        let long = usize::try_from(reorg_depth).is_ok_and(|depth| length > depth);
        let due = reorg_every > 0 && reorg_depth > 0 && number.is_multiple_of(reorg_every);
        let replaced = if due && long { reorg_depth } else { 0 };
        if replaced > 0 {
            server.reorg(replaced);
        } else {
            server.mine(1);
        }
        let head = server.chain().head().map(|block| (block.number, block.hash));
        Grown { step: number, replaced, head }
    }
}

/// What a step has come to. As text it is a line such as `step 20: block 124 0x5eef…, 3 replaced`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grown {
    /// The number of the step.
    pub step: u64,
    /// How many blocks a reorg has replaced; 0 when there was none.
    pub replaced: u64,
    /// The number and hash of the highest block.
    pub head: Option<(u64, BlockHash)>,
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}:", self.step)?;
        match &self.head {
            Some((number, hash)) => write!(f, " block {number} {hash}")?,
            None => f.write_str(" no block")?,
        }
        match self.replaced {
            0 => Ok(()),
            replaced => write!(f, ", {replaced} replaced"),
        }
    }
}
