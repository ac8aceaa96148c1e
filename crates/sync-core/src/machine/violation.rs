use crate::chain::{BlockNum, BlockRange, Cursor, Network};

/// Something a server must never say. Nothing of the message is written; the stream is opened
/// again from the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Rows without the range of blocks they are of.
    #[error("{rows} rows arrived without a block range")]
    RowsWithoutRange {
        /// How many.
        rows: usize,
    },
    /// A message about several ranges, which a streaming query cannot have.
    #[error("a message names {count} block ranges ({networks}), a stream has one")]
    SeveralRanges {
        /// How many.
        count: usize,
        /// Their networks.
        networks: String,
    },
    /// A range of another network than the table's.
    #[error("range {range} is not of network {expected}")]
    OtherNetwork {
        /// The table's network.
        expected: Network,
        /// The range that arrived.
        range: BlockRange,
    },
    /// A range began before the one in progress was marked complete.
    #[error("range {next} began before {open} was complete")]
    Unfinished {
        /// The range in progress.
        open: BlockRange,
        /// The one that began.
        next: BlockRange,
    },
    /// Rows in the message that marks the end of a range.
    #[error("the completion of range {range} carries {rows} rows")]
    RowsInCompletion {
        /// The range.
        range: BlockRange,
        /// How many.
        rows: usize,
    },
    /// Blocks were skipped.
    #[error("range {range} leaves a gap after {served}")]
    Gap {
        /// The last block received.
        served: Cursor,
        /// The range that arrived.
        range: BlockRange,
    },
    /// The range follows in number, but on another parent.
    #[error("range {range} does not follow {served}: its parent is {}", parent(range))]
    BrokenChain {
        /// The last block received.
        served: Cursor,
        /// The range that arrived.
        range: BlockRange,
    },
    /// Blocks that the table has were sent again as they are.
    #[error("range {range} repeats known blocks: the server ignored the cursor {served}")]
    CursorIgnored {
        /// The last block received.
        served: Cursor,
        /// The range that arrived.
        range: BlockRange,
    },
    /// A row of a block outside of the range it was sent with.
    #[error("a row of block {block} arrived with range {range}")]
    RowOutsideRange {
        /// The row's block.
        block: u64,
        /// The range.
        range: BlockRange,
    },
    /// A row without a block number.
    #[error("a row of range {range} has no block number in {column:?}")]
    RowWithoutBlock {
        /// The column that should have it.
        column: String,
        /// The range.
        range: BlockRange,
    },
    /// Rows whose block number column is missing or not `UInt64`.
    #[error("the rows of range {range} have no UInt64 column {column:?}")]
    NoBlockColumn {
        /// The column that should be there.
        column: String,
        /// The range.
        range: BlockRange,
    },
    /// Rows of another shape than the stream's schema.
    #[error("rows arrived with other columns than the stream announced")]
    OtherSchema,
}

impl Violation {
    pub(super) fn several(ranges: &[BlockRange]) -> Self {
        let networks: Vec<_> =
            ranges.iter().take(8).map(|range| range.network().as_str()).collect();
        Self::SeveralRanges { count: ranges.len(), networks: networks.join(", ") }
    }
}

fn parent(range: &BlockRange) -> String {
    range.prev_hash().map_or_else(|| "unknown".to_owned(), |hash| hash.to_string())
}

/// A reorg that reaches below everything the ledger records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the chain was reorganised from {range} on, below block {lowest} where the hash ledger begins"
)]
pub struct BeyondLedger {
    /// The range that the server replays.
    pub range: BlockRange,
    /// The lowest block the ledger records.
    pub lowest: BlockNum,
}
