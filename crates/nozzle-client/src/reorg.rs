use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arrow_array::RecordBatch;
use futures::{Stream, StreamExt};
use sync_core::chain::{BlockNum, BlockRange, InvalidationRange, Network};

use crate::error::Error;
use crate::metadata::Metadata;
use crate::resume::ResumeWatermark;
use crate::stream::{ResponseBatch, ResultStream};

/// What a stream says, with its reorgs made plain.
#[derive(Clone, Debug, PartialEq)]
pub enum ReorgEvent {
    /// Rows, or without any a sign of life.
    Batch {
        /// The rows.
        data: RecordBatch,
        /// The blocks they are of.
        metadata: Option<Metadata>,
    },
    /// Everything up to here was delivered: where a later stream resumes. Servers before October
    /// 2025 never say.
    Watermark(ResumeWatermark),
    /// The rows of these blocks are not true any more. What replaces them follows.
    Reorg {
        /// The blocks, by network.
        invalidation: Vec<InvalidationRange>,
    },
}

/// Makes the reorgs of a stream plain: each is told before the first batch of what replaces it.
///
/// The server says nothing of a reorg, it only goes back; so does a stream that resumes after a
/// block that was reorganised away meanwhile, which is therefore told as well.
#[must_use]
pub fn with_reorg(stream: ResultStream) -> ReorgStream {
    let detector = ReorgDetector::resumed(stream.resume());
    ReorgStream { stream, detector, queue: VecDeque::new() }
}

/// The stream that [`with_reorg`] makes. It is as cancel-safe as the one it is made from.
#[derive(Debug)]
pub struct ReorgStream {
    stream: ResultStream,
    detector: ReorgDetector,
    /// What one message turned into: three events at most.
    queue: VecDeque<ReorgEvent>,
}

impl ReorgStream {
    /// The stream that this one is made from.
    #[must_use]
    pub fn get_ref(&self) -> &ResultStream {
        &self.stream
    }
}

impl Stream for ReorgStream {
    type Item = Result<ReorgEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.queue.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            match ready!(this.stream.poll_next_unpin(cx)) {
                Some(Ok(batch)) => this.queue.extend(this.detector.events(batch)),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Finds the reorgs in a sequence of block ranges, by network.
///
/// A message of the same microbatch repeats its range, so a range that goes back without being
/// the same as the one before is one that replaces blocks.
#[derive(Clone, Debug, Default)]
pub struct ReorgDetector {
    networks: BTreeMap<Network, Seen>,
}

/// What a network's ranges have been so far.
#[derive(Clone, Debug)]
struct Seen {
    /// Where the last range ends, or the cursor is.
    end: BlockNum,
    /// The last range; none before the first.
    last: Option<BlockRange>,
    /// The highest block ever delivered.
    highest: BlockNum,
}

impl ReorgDetector {
    /// A detector for a stream from the earliest block.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A detector for a stream that resumes at `resume`, up to which everything was delivered.
    #[must_use]
    pub fn resumed(resume: &ResumeWatermark) -> Self {
        let seen = |number| Seen { end: number, last: None, highest: number };
        let cursors = resume.cursors().map(|cursor| (cursor.network, seen(cursor.number)));
        Self { networks: cursors.collect() }
    }

    /// Takes note of the next message's ranges, and returns the blocks that they make untrue.
    pub fn observe(&mut self, ranges: &[BlockRange]) -> Vec<InvalidationRange> {
        ranges.iter().filter_map(|range| self.observe_one(range)).collect()
    }

    fn observe_one(&mut self, range: &BlockRange) -> Option<InvalidationRange> {
        let network = range.network();
        let before = self.networks.get(network);
        let back = before
            .filter(|seen| range.start() <= seen.end && seen.last.as_ref() != Some(range))
            .map(|seen| InvalidationRange {
                network: network.clone(),
                start: range.start(),
                end: seen.highest,
            });
        let end = range.end();
        let highest = before.map_or(end, |seen| seen.highest.max(end));
        self.networks.insert(network.clone(), Seen { end, last: Some(range.clone()), highest });
        back
    }

    /// What a message turns into.
    fn events(&mut self, batch: ResponseBatch) -> impl Iterator<Item = ReorgEvent> + use<> {
        let ResponseBatch { data, metadata } = batch;
        let ranges = metadata.as_ref().map_or(&[][..], |metadata| &metadata.ranges);
        let invalidation = self.observe(ranges);
        // Without a range there is no watermark, whatever the server calls complete.
        let complete = metadata.as_ref().and_then(|metadata| metadata.ranges_complete);
        let watermark = (complete == Some(true) && !ranges.is_empty())
            .then(|| ranges.iter().map(BlockRange::cursor).collect());
        // A watermark says all that a message without rows has to say.
        let batch = (watermark.is_none() || data.num_rows() > 0)
            .then_some(ReorgEvent::Batch { data, metadata });
        let reorg = (!invalidation.is_empty()).then_some(ReorgEvent::Reorg { invalidation });
        reorg.into_iter().chain(batch).chain(watermark.map(ReorgEvent::Watermark))
    }
}
