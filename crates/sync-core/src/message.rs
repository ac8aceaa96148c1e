use arrow_array::RecordBatch;

use crate::chain::BlockRange;

/// One message of a stream, as the server sent it and before anything is believed of it.
#[derive(Clone, Debug)]
pub struct Message {
    /// The ranges of blocks that the message is about: one on a streaming query; none where the
    /// server has nothing to stream yet.
    pub ranges: Vec<BlockRange>,
    /// The rows, perhaps none: such a message is a sign of life, or the end of a range.
    pub rows: RecordBatch,
    /// What the message says of the end of its range.
    pub mark: Mark,
}

/// What a message says of the end of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// More may follow.
    Open,
    /// Nothing more follows: the range is complete.
    Complete,
    /// Nothing: this server is too old to mark the end of a range, which shows only when
    /// another one begins.
    Absent,
}
