//! The machine: what each message of a stream means.
//!
//! Pure and synchronous: no clock, no I/O, no logging. It holds the hash ledger as of the stream's
//! position and decides, message by message, what the driver has to do. Whatever the wire says is
//! checked here before a row of it is believed. All reorg decisions are in `fork`.

mod fork;
mod span;
mod violation;

use crate::chain::{BlockHash, BlockNum, BlockRange, Cursor, InvalidationRange, Ledger, Network};
use crate::checkpoint::{Checkpoint, Cut};
use crate::config::BeyondRetention;
use crate::message::{Mark, Message};
use fork::Fork;

pub(crate) use span::{BlockSpan, block_column};
pub use violation::{BeyondLedger, Violation};

/// What the driver has to do, in this order, because of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The server has nothing to stream yet: come back later.
    NotReady,
    /// The rows received since the last completion are the whole of this range.
    Complete(BlockRange),
    /// A reorg has made rows untrue: they go in the same transaction as what follows.
    Retract(Retraction),
    /// The message's rows belong to `range` and cover these blocks.
    Append { span: BlockSpan, range_start: BlockNum },
    /// What the server says cannot be placed: ask again from an older block. No step follows.
    Reconnect { resume: Option<Cursor>, why: Rewind },
}

/// Rows that a reorg has made untrue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retraction {
    pub(crate) invalidated: InvalidationRange,
    /// Where it cuts the ledger.
    pub(crate) cut: Cut,
    /// The last block that stands, none where nothing does.
    pub(crate) cursor: Option<Cursor>,
}

/// Why the stream is opened again from an older block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewind {
    /// The server replays from a block whose parent is not the one recorded, or not recorded:
    /// the fork may lie deeper.
    UnknownFork,
    /// A server without completion marks skipped blocks: it verifies the cursor only when asked.
    UnverifiedGap,
    /// The reorg is deeper than the ledger, and the table is to be streamed anew.
    Resync,
}

/// A message that cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Violation(Box<Violation>),
    BeyondLedger(Box<BeyondLedger>),
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::Violation(Box::new(violation))
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Machine {
    block_column: String,
    retention: u64,
    beyond_retention: BeyondRetention,
    network: Option<Network>,
    first_block: Option<BlockNum>,
    ledger: Ledger,
    /// The last block that was completed and stands.
    head: Option<Cursor>,
    /// What the server believes we have: the cursor this connection resumed from, or the last
    /// range completed on it.
    served: Option<Cursor>,
    /// Whether nothing was completed on this connection yet, so that the server's own check of
    /// `served` still stands.
    verified: bool,
    /// The last range that followed a gap, by its start and parent, until one is completed.
    gap: Option<(BlockNum, Option<BlockHash>)>,
    open: Option<Open>,
    /// How often in a row an older block was asked for: each time twice as far down.
    rewinds: u32,
}

/// The range that is being received.
#[derive(Debug)]
struct Open {
    range: BlockRange,
    marked: bool,
}

impl Machine {
    pub(crate) fn new(
        checkpoint: &Checkpoint,
        block_column: &str,
        retention: u64,
        beyond_retention: BeyondRetention,
    ) -> Self {
        Self {
            block_column: block_column.to_owned(),
            retention,
            beyond_retention,
            network: checkpoint.cursor.as_ref().map(|cursor| cursor.network.clone()),
            // Without a cursor the table is empty, whatever was in it before.
            first_block: checkpoint.cursor.as_ref().and(checkpoint.first_block),
            ledger: checkpoint.ledger.clone(),
            head: checkpoint.cursor.clone(),
            served: checkpoint.cursor.clone(),
            verified: true,
            gap: None,
            open: None,
            rewinds: 0,
        }
    }

    /// The network that the table was of before, where the checkpoint no longer says it.
    pub(crate) fn with_network(mut self, network: Option<Network>) -> Self {
        self.network = self.network.or(network);
        self
    }

    /// Says from where the stream was opened again, after [`Step::Reconnect`].
    pub(crate) fn reopened(&mut self, resume: Option<Cursor>) {
        self.served = resume;
        self.verified = true;
        self.open = None;
    }

    /// Decides about one message.
    ///
    /// After an error the machine is spent: the stream has to start from the checkpoint again.
    pub(crate) fn on_message(&mut self, message: &Message) -> Result<Vec<Step>, Refusal> {
        let rows = message.rows.num_rows();
        let range = match message.ranges.as_slice() {
            [range] => range,
            [] if rows > 0 => return Err(Violation::RowsWithoutRange { rows }.into()),
            [] => return Ok(vec![Step::NotReady]),
            several => return Err(Violation::several(several).into()),
        };
        let mut steps = Vec::with_capacity(3);
        if self.open.as_ref().is_none_or(|open| open.range != *range) {
            self.close_unmarked(range, &mut steps)?;
            if !self.enter(range, message.mark, &mut steps)? {
                return Ok(steps);
            }
        }
        if rows > 0 {
            if message.mark == Mark::Complete {
                return Err(Violation::RowsInCompletion { range: range.clone(), rows }.into());
            }
            let span = BlockSpan::of(&message.rows, &self.block_column, range)?;
            steps.push(Step::Append { span, range_start: range.start() });
        }
        if message.mark == Mark::Complete {
            self.complete(&mut steps);
        }
        Ok(steps)
    }

    /// A server that does not mark the end of a range shows it by beginning another one.
    fn close_unmarked(&mut self, next: &BlockRange, steps: &mut Vec<Step>) -> Result<(), Refusal> {
        match &self.open {
            Some(open) if open.marked => {
                Err(Violation::Unfinished { open: open.range.clone(), next: next.clone() }.into())
            }
            Some(_) => {
                self.complete(steps);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Places a new range; `false` where the stream has to be opened again instead.
    fn enter(
        &mut self,
        range: &BlockRange,
        mark: Mark,
        steps: &mut Vec<Step>,
    ) -> Result<bool, Refusal> {
        let network = self.network.get_or_insert_with(|| range.network().clone());
        if network != range.network() {
            return Err(Violation::OtherNetwork {
                expected: network.clone(),
                range: range.clone(),
            }
            .into());
        }
        let marked = mark != Mark::Absent;
        match self.place(range, marked)? {
            Fork::None => {}
            Fork::At(cut) => steps.push(Step::Retract(self.retract(cut, range))),
            Fork::Deeper { resume, why } => {
                self.rewinds += u32::from(why == Rewind::UnknownFork);
                self.gap = Some((range.start(), range.prev_hash()));
                steps.push(Step::Reconnect { resume, why });
                return Ok(false);
            }
        }
        self.rewinds = 0;
        self.first_block.get_or_insert(range.start());
        self.open = Some(Open { range: range.clone(), marked });
        Ok(true)
    }

    fn retract(&mut self, cut: Cut, range: &BlockRange) -> Retraction {
        let end = self.head.as_ref().map_or(cut.base, |head| head.number);
        let network = range.network().clone();
        self.ledger.truncate(cut.base, cut.parent);
        self.head = if self.first_block.is_none_or(|first| cut.base <= first) {
            self.first_block = None;
            None
        } else {
            let below = cut.base.prev().zip(cut.parent);
            below
                .map(|(number, hash)| Cursor { network: network.clone(), number, hash })
                .or_else(|| self.ledger.last().map(BlockRange::cursor))
        };
        let invalidated = InvalidationRange { network, start: cut.base, end };
        Retraction { invalidated, cut, cursor: self.head.clone() }
    }

    fn complete(&mut self, steps: &mut Vec<Step>) {
        let Some(Open { range, .. }) = self.open.take() else { return };
        self.served = Some(range.cursor());
        self.head = Some(range.cursor());
        self.verified = false;
        self.gap = None;
        self.ledger.push(range.clone());
        self.ledger.prune(range.end().saturating_sub(self.retention));
        steps.push(Step::Complete(range));
    }
}
