use std::fmt;
use std::time::{Duration, SystemTime};

use super::{BlockHash, BlockNum, Network};

/// A run of blocks of one network, both ends included, and the hashes that tie it to its fork.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct BlockRange {
    network: Network,
    start: BlockNum,
    end: BlockNum,
    hash: BlockHash,
    prev_hash: Option<BlockHash>,
    timestamp: Option<u64>,
}

/// A range whose end lies below its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block range ends at {end}, before its start {start}")]
pub struct RangeEndsBeforeStart {
    /// The start that was given.
    pub start: BlockNum,
    /// The end that was given.
    pub end: BlockNum,
}

impl BlockRange {
    /// The blocks `start..=end` whose last one has `hash` and whose first one has the parent
    /// `prev_hash` (servers before 2026 may leave it out).
    ///
    /// # Errors
    /// When `end` is below `start`.
    pub fn new(
        network: Network,
        start: BlockNum,
        end: BlockNum,
        hash: BlockHash,
        prev_hash: Option<BlockHash>,
    ) -> Result<Self, RangeEndsBeforeStart> {
        if end < start {
            return Err(RangeEndsBeforeStart { start, end });
        }
        Ok(Self { network, start, end, hash, prev_hash, timestamp: None })
    }

    /// The same range with the time of its last block, in seconds since 1970.
    #[must_use]
    pub fn with_timestamp(mut self, seconds: Option<u64>) -> Self {
        self.timestamp = seconds;
        self
    }

    /// The network whose blocks these are.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The first block.
    #[must_use]
    pub fn start(&self) -> BlockNum {
        self.start
    }

    /// The last block.
    #[must_use]
    pub fn end(&self) -> BlockNum {
        self.end
    }

    /// The hash of the last block.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// The hash of the block before the first one, where the server tells it.
    #[must_use]
    pub fn prev_hash(&self) -> Option<BlockHash> {
        self.prev_hash
    }

    /// The time of the last block in seconds since 1970, where the server tells it.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    /// When the last block was made, where the server tells it.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.timestamp?))
    }

    /// Whether `block` is one of these.
    #[must_use]
    pub fn contains(&self, block: BlockNum) -> bool {
        self.start <= block && block <= self.end
    }

    /// Where a stream resumes once this range is complete.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { network: self.network.clone(), number: self.end, hash: self.hash }
    }

    /// Where a stream resumes to be sent this range: the parent of its first block. `None` at
    /// block zero, and where the server does not tell the parent's hash.
    #[must_use]
    pub fn parent(&self) -> Option<Cursor> {
        let number = self.start.prev()?;
        Some(Cursor { network: self.network.clone(), number, hash: self.prev_hash? })
    }

    /// The part of this range below `base`, which ends in the block with `hash`; `None` where
    /// nothing is below.
    #[must_use]
    pub(crate) fn below(&self, base: BlockNum, hash: BlockHash) -> Option<Self> {
        let end = base.prev().filter(|end| *end >= self.start)?;
        Some(Self { end: end.min(self.end), hash, timestamp: None, ..self.clone() })
    }
}

impl fmt::Display for BlockRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}..{}]", self.network, self.start, self.end)
    }
}

/// A block on a fork: the last one that a reader of the stream has completely.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cursor {
    /// The network the block is of.
    pub network: Network,
    /// Its number.
    pub number: BlockNum,
    /// Its hash, by which the server knows the fork.
    pub hash: BlockHash,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}@{}", self.network, self.number, self.hash)
    }
}

/// Blocks of one network, both ends included, whose rows a reorg has made untrue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidationRange {
    /// The network that was reorganised.
    pub network: Network,
    /// The lowest block whose rows are untrue.
    pub start: BlockNum,
    /// The highest one that was ever delivered.
    pub end: BlockNum,
}

impl fmt::Display for InvalidationRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}..{}]", self.network, self.start, self.end)
    }
}
