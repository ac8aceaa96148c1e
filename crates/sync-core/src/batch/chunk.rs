use std::collections::VecDeque;

use arrow_array::{Array, RecordBatch};

use crate::chain::BlockNum;
use crate::machine::block_column;

/// Rows of whole blocks.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) batches: VecDeque<RecordBatch>,
    pub(super) rows: usize,
    pub(super) bytes: usize,
    /// The last block, none without rows.
    pub(super) last: Option<BlockNum>,
    /// The first block of the range that the rows are of.
    pub(super) range_start: BlockNum,
}

impl Chunk {
    pub(super) fn push(&mut self, batch: RecordBatch, bytes: usize, last: BlockNum) {
        self.rows += batch.num_rows();
        self.bytes += bytes;
        self.last = Some(last);
        self.batches.push_back(batch);
    }

    /// Takes off the front of a single batch: at least `rows` rows, ended where a block ends.
    /// `None` where that would be all of it, or where the batches are parts of one block.
    pub(super) fn split_front(&mut self, rows: usize, column: &str) -> Option<Self> {
        if self.batches.len() != 1 {
            return None;
        }
        let batch = self.batches.front()?;
        let blocks = block_column(batch, column)?.values();
        let block = *blocks.get(rows.checked_sub(1)?)?;
        let cut = blocks.partition_point(|number| *number <= block);
        if cut >= batch.num_rows() {
            return None;
        }
        let (front, back) = (batch.slice(0, cut), batch.slice(cut, batch.num_rows() - cut));
        let bytes = share(self.bytes, cut, batch.num_rows());
        let last = BlockNum::try_from(block).ok()?;
        let mut chunk = Self { range_start: self.range_start, ..Self::default() };
        chunk.push(front, bytes, last);
        self.rows -= cut;
        self.bytes -= bytes;
        self.batches = VecDeque::from([back]);
        Some(chunk)
    }
}

/// The bytes of `part` rows, where `whole` rows have `bytes`.
pub(super) fn share(bytes: usize, part: usize, whole: usize) -> usize {
    bytes / whole.max(1) * part
}

/// How many bytes the rows take in memory. What several slices share counts in each only as far
/// as it is of its rows.
pub(crate) fn bytes_of(batch: &RecordBatch) -> usize {
    let column = |column: &arrow_array::ArrayRef| {
        // A type without a known slice size counts with all that it keeps alive.
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
    };
    batch.columns().iter().map(column).sum()
}
