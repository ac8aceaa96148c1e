use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dice::Dice;

/// Seconds of the first block's timestamp, and between two blocks.
const GENESIS_SECONDS: u64 = 1_700_000_000;
const BLOCK_SECONDS: u64 = 12;

/// One block of the simulated chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The height.
    pub number: u64,
    /// Follows from the chain's seed, the fork that made the block, and its number.
    pub hash: BlockHash,
    /// The hash of the block below; all zero for block 0.
    pub parent: BlockHash,
    /// Unix seconds.
    pub timestamp: u64,
}

impl Block {
    pub(crate) fn derive(seed: u64, fork: u64, number: u64, parent: BlockHash) -> Self {
        Self {
            number,
            hash: BlockHash::derive(seed, fork, number),
            parent,
            timestamp: GENESIS_SECONDS.saturating_add(BLOCK_SECONDS.saturating_mul(number)),
        }
    }

    /// The number from which the values of the block's rows follow.
    pub(crate) fn seed(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.hash.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A block's hash, written `0x` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockHash(pub [u8; 32]);

impl BlockHash {
    /// The parent of block 0.
    pub const ZERO: Self = Self([0; 32]);

    pub(crate) fn derive(seed: u64, fork: u64, number: u64) -> Self {
        Self(Dice::new(Dice::new(seed, fork).next(), number).bytes())
    }

    /// Another hash, which belongs to no block.
    pub(crate) fn corrupted(self) -> Self {
        Self(self.0.map(|byte| !byte))
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that is not `0x` and 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a block hash is 0x and 64 hex digits")]
pub struct InvalidBlockHash;

impl FromStr for BlockHash {
    type Err = InvalidBlockHash;

    fn from_str(text: &str) -> Result<Self, InvalidBlockHash> {
        let mut bytes = [0; 32];
        let digits = text.strip_prefix("0x").ok_or(InvalidBlockHash)?;
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| InvalidBlockHash)?;
        Ok(Self(bytes))
    }
}

impl Serialize for BlockHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlockHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
