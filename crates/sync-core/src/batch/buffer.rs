use std::collections::VecDeque;

use arrow_array::RecordBatch;

use super::Epoch;
use super::chunk::{Chunk, share};
use crate::chain::{BlockNum, BlockRange};
use crate::checkpoint::{Advance, Checkpoint, CommitId};
use crate::machine::{BlockSpan, Retraction, block_column};

/// Rows on their way to the next transactions.
///
/// Only whole blocks leave it: the last block received may go on in the next message, so its rows
/// wait in the tail until another block or the end of the range shows that it is whole.
#[derive(Debug)]
pub(crate) struct Buffer {
    block_column: String,
    retention: u64,
    /// Where the table will be once everything that has left is committed.
    planned: Checkpoint,
    retract: Option<Retraction>,
    ready: VecDeque<Item>,
    ready_rows: usize,
    ready_bytes: usize,
    ready_ranges: usize,
    tail: Chunk,
    /// Whether part of the range in progress has left the tail.
    broached: bool,
    /// Whether ranges are kept whole, because this server does not order rows by block.
    whole_ranges: bool,
}

#[derive(Debug)]
enum Item {
    Rows(Chunk),
    Complete(BlockRange),
}

/// Rows of a block that was taken for whole arrived later: the range has to be received again,
/// and kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disorder;

impl Buffer {
    /// An empty buffer for a table at `checkpoint`.
    pub(crate) fn new(
        checkpoint: Checkpoint,
        block_column: &str,
        retention: u64,
        whole_ranges: bool,
    ) -> Self {
        // Without a cursor the table is empty, whatever was in it before.
        let first_block = checkpoint.cursor.as_ref().and(checkpoint.first_block);
        Self {
            block_column: block_column.to_owned(),
            retention,
            planned: Checkpoint { first_block, ..checkpoint },
            retract: None,
            ready: VecDeque::new(),
            ready_rows: 0,
            ready_bytes: 0,
            ready_ranges: 0,
            tail: Chunk::default(),
            broached: false,
            whole_ranges,
        }
    }

    /// Rows that may leave.
    pub(crate) fn ready_rows(&self) -> usize {
        self.ready_rows
    }

    /// Bytes that may leave.
    pub(crate) fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Whether anything may leave.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether a completed range may leave.
    pub(crate) fn has_complete_range(&self) -> bool {
        self.ready_ranges > 0
    }

    /// Whether there is nothing to write and nothing to wait for.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.tail.rows == 0 && self.retract.is_none()
    }

    /// Notes rows to delete together with what follows.
    ///
    /// # Panics
    /// When something from before the reorg is still ready: the driver writes that first.
    pub(crate) fn retract(&mut self, retraction: Retraction) {
        assert!(self.is_empty(), "a reorg begins a transaction of its own");
        self.retract = Some(retraction);
    }

    /// How many bytes its rows take, ready or not.
    pub(crate) fn bytes(&self) -> usize {
        self.ready_bytes + self.tail.bytes
    }

    /// Adds rows of the range in progress.
    pub(crate) fn push(
        &mut self,
        rows: RecordBatch,
        bytes: usize,
        span: BlockSpan,
        range_start: BlockNum,
    ) -> Result<(), Disorder> {
        self.tail.range_start = range_start;
        let follows = self.tail.last.is_none_or(|last| last <= span.first);
        let ordered = span.ascending && follows;
        if !ordered && !self.whole_ranges {
            self.whole_ranges = true;
            if self.broached {
                return Err(Disorder);
            }
        }
        if self.whole_ranges {
            self.tail.push(rows, bytes, span.last);
            return Ok(());
        }
        if self.tail.last.is_some_and(|last| last < span.first) {
            self.close_tail(range_start);
        }
        let boundary = self.start_of_last_block(&rows, span);
        let front_bytes = share(bytes, boundary, rows.num_rows());
        if boundary > 0 {
            let front = rows.slice(0, boundary);
            let last = self.last_block(&front).unwrap_or(span.first);
            self.tail.push(front, front_bytes, last);
            self.close_tail(range_start);
        }
        let back = rows.slice(boundary, rows.num_rows() - boundary);
        self.tail.push(back, bytes - front_bytes, span.last);
        Ok(())
    }

    /// Ends the range in progress: all its rows may leave, and the checkpoint may move there.
    pub(crate) fn complete(&mut self, range: BlockRange) {
        self.close_tail(range.start());
        self.broached = false;
        self.ready.push_back(Item::Complete(range));
        self.ready_ranges += 1;
    }

    /// Takes what the next transaction carries: about `rows_target` rows, not much more than
    /// `bytes_max` bytes, up to a whole block.
    pub(crate) fn take(&mut self, rows_target: usize, bytes_max: usize) -> Option<Epoch> {
        if !self.is_ready() {
            return None;
        }
        let mut taken = Taken::default();
        while let Some(item) = self.ready.pop_front() {
            match item {
                Item::Complete(range) => {
                    self.ready_ranges -= 1;
                    taken.complete(range);
                }
                Item::Rows(chunk) if taken.rows >= rows_target || taken.bytes >= bytes_max => {
                    self.ready.push_front(Item::Rows(chunk));
                    break;
                }
                Item::Rows(mut chunk) => {
                    let room = room_for(&chunk, rows_target - taken.rows, bytes_max - taken.bytes);
                    // Rows that are not ordered by block have no place where a block ends.
                    let divisible = !self.whole_ranges;
                    match divisible.then(|| chunk.split_front(room, &self.block_column)).flatten() {
                        Some(front) => {
                            self.ready.push_front(Item::Rows(chunk));
                            taken.rows(front);
                        }
                        None => taken.rows(chunk),
                    }
                }
            }
        }
        self.ready_rows -= taken.rows;
        self.ready_bytes -= taken.bytes;
        Some(self.epoch(taken))
    }

    fn epoch(&mut self, taken: Taken) -> Epoch {
        let retraction = self.retract.take();
        let (mut cursor, mut first_block) = (self.planned.cursor.clone(), self.planned.first_block);
        if let Some(retraction) = &retraction {
            cursor.clone_from(&retraction.cursor);
            first_block = first_block.filter(|_| cursor.is_some());
        }
        let cursor = taken.completed.last().map(BlockRange::cursor).or(cursor);
        let floor =
            cursor.as_ref().map_or(BlockNum::ZERO, |c| c.number.saturating_sub(self.retention));
        let advance = Advance {
            from: self.planned.version,
            commit: CommitId::random(),
            cut: retraction.as_ref().map(|retraction| retraction.cut),
            completed: taken.completed,
            floor,
            first_block: first_block.or(taken.first_block),
            cursor,
            provisional: taken.provisional,
        };
        self.planned.apply(&advance);
        Epoch {
            retract: retraction.map(|retraction| retraction.invalidated),
            batches: taken.batches,
            advance,
            rows: taken.rows,
            bytes: taken.bytes,
        }
    }

    fn close_tail(&mut self, range_start: BlockNum) {
        if self.tail.rows > 0 {
            let mut chunk = std::mem::take(&mut self.tail);
            chunk.range_start = range_start;
            self.ready_rows += chunk.rows;
            self.ready_bytes += chunk.bytes;
            self.broached = true;
            self.ready.push_back(Item::Rows(chunk));
        }
    }

    /// The index of the first row of the last block in `rows`.
    fn start_of_last_block(&self, rows: &RecordBatch, span: BlockSpan) -> usize {
        block_column(rows, &self.block_column)
            .map_or(0, |blocks| blocks.values().partition_point(|block| *block < span.last.get()))
    }

    fn last_block(&self, rows: &RecordBatch) -> Option<BlockNum> {
        let last = *block_column(rows, &self.block_column)?.values().last()?;
        BlockNum::try_from(last).ok()
    }
}

/// How many rows of `chunk` fit.
fn room_for(chunk: &Chunk, rows: usize, bytes: usize) -> usize {
    let row_bytes = (chunk.bytes / chunk.rows.max(1)).max(1);
    rows.min(bytes / row_bytes).max(1)
}

#[derive(Default)]
struct Taken {
    batches: Vec<RecordBatch>,
    completed: Vec<BlockRange>,
    first_block: Option<BlockNum>,
    provisional: Option<BlockNum>,
    rows: usize,
    bytes: usize,
}

impl Taken {
    fn rows(&mut self, chunk: Chunk) {
        self.first_block.get_or_insert(chunk.range_start);
        self.provisional = chunk.last;
        self.rows += chunk.rows;
        self.bytes += chunk.bytes;
        self.batches.extend(chunk.batches);
    }

    fn complete(&mut self, range: BlockRange) {
        self.first_block.get_or_insert(range.start());
        self.provisional = None;
        self.completed.push(range);
    }
}
