//! Where a new range belongs: after what the table has, or on another fork of it.
//!
//! The server sends no marker with a reorg: it replays from the lowest orphaned block, so that a
//! range starts at or below a block already sent. But where it has forgotten the fork our cursor
//! is on, it replays from exactly the cursor's block, however deep the fork really lies; the
//! recorded hashes tell the two apart, and an older cursor makes the server check again.

use super::{BeyondLedger, Machine, Refusal, Rewind, Violation};
use crate::chain::{BlockHash, BlockNum, BlockRange, Cursor, Parent};
use crate::checkpoint::Cut;
use crate::config::BeyondRetention;

/// What a new range means for the blocks already there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fork {
    /// They all stand; the range follows them.
    None,
    /// Those from the cut on are untrue.
    At(Cut),
    /// Nobody can tell yet: ask from an older block.
    Deeper { resume: Option<Cursor>, why: Rewind },
}

impl Machine {
    pub(super) fn place(&self, range: &BlockRange, marked: bool) -> Result<Fork, Refusal> {
        let Some(head) = &self.head else { return Ok(Fork::None) };
        let Some(served) = &self.served else { return Ok(self.replaced_whole(range)) };

        if range.start() <= served.number {
            return self.reorganised(range, served);
        }
        let follows = served.number.next();
        let gap = range.start() > follows;
        if gap || range.prev_hash().is_some_and(|parent| parent != served.hash) {
            if !marked && !self.is_confirmed(range) {
                let resume = Some(head.clone());
                return Ok(Fork::Deeper { resume, why: Rewind::UnverifiedGap });
            }
            let (served, range) = (served.clone(), range.clone());
            if !gap {
                return Err(Violation::BrokenChain { served, range }.into());
            }
            if marked {
                return Err(Violation::Gap { served, range }.into());
            }
        }
        if served == head {
            return Ok(Fork::None);
        }
        // An older block was asked for, and the server continues after it: all above is replayed.
        Ok(Fork::At(Cut { base: follows, parent: Some(served.hash) }))
    }

    /// Whether this gap can be believed.
    ///
    /// A server without completion marks is silent about ranges without rows, also when they
    /// replace others. It checks the cursor when a stream is opened, and its first range then
    /// spans everything from there to the first rows, unless that is more than one range can hold.
    /// So a gap is believed when a new stream begins with it, just as the one before.
    fn is_confirmed(&self, range: &BlockRange) -> bool {
        self.verified && self.gap == Some((range.start(), range.prev_hash()))
    }

    /// The stream was opened without a cursor although the table has rows: they all go.
    fn replaced_whole(&self, range: &BlockRange) -> Fork {
        let base = self.first_block.map_or(range.start(), |first| first.min(range.start()));
        Fork::At(Cut { base, parent: None })
    }

    /// The server replays from at or below the block that it believes we have.
    fn reorganised(&self, range: &BlockRange, served: &Cursor) -> Result<Fork, Refusal> {
        if self.ledger.hash_at(range.end()) == Parent::Known(range.hash()) {
            return Err(
                Violation::CursorIgnored { served: served.clone(), range: range.clone() }.into()
            );
        }
        let base = range.start();
        if self.first_block.is_none_or(|first| base <= first) {
            // Nothing is left that could be wrong; but with a pruned ledger nobody can tell a
            // reorg of the whole chain from a server that lost the cursor on the way.
            return if self.is_whole() {
                Ok(self.replaced_whole(range))
            } else {
                self.beyond_ledger(range)
            };
        }
        // The walk to the fork's base can be believed where it went below the cursor's own block.
        let walked = base < served.number;
        let below = base.prev().unwrap_or(base);
        let cut = |parent: Option<BlockHash>| Ok(Fork::At(Cut { base, parent }));
        match (self.ledger.hash_at(below), range.prev_hash()) {
            (Parent::Known(ours), Some(theirs)) if ours == theirs => cut(Some(ours)),
            (Parent::Known(_), Some(_)) => self.deeper(below, range),
            (Parent::Known(ours), None) if walked => cut(Some(ours)),
            (Parent::Inside, Some(theirs)) if walked => cut(Some(theirs)),
            (Parent::Gap, _) if walked => cut(None),
            (Parent::Known(_) | Parent::Inside | Parent::Gap, _) => self.deeper(base, range),
            (Parent::Outside, _) => self.beyond_ledger(range),
        }
    }

    /// Whether the ledger records the table's blocks from the first one on.
    fn is_whole(&self) -> bool {
        let lowest = self.ledger.first().map(BlockRange::start);
        self.first_block.is_none_or(|first| lowest.is_some_and(|lowest| lowest <= first))
    }

    /// Asks from a recorded block below `limit`, each time twice as many ranges further down, at
    /// last from below everything recorded.
    fn deeper(&self, limit: BlockNum, range: &BlockRange) -> Result<Fork, Refusal> {
        let steps = 1_usize.checked_shl(self.rewinds).map_or(usize::MAX / 2, |steps| steps - 1);
        let lowest = self.ledger.first();
        let end = || lowest.filter(|first| first.end() < limit).map(BlockRange::cursor);
        let parent = || lowest.and_then(BlockRange::parent).filter(|parent| parent.number < limit);
        let recorded = self.ledger.below(limit, steps).map(BlockRange::cursor);
        match recorded.or_else(end).or_else(|| parent().filter(|_| !self.is_whole())) {
            None if !self.is_whole() => self.beyond_ledger(range),
            resume => Ok(Fork::Deeper { resume, why: Rewind::UnknownFork }),
        }
    }

    fn beyond_ledger(&self, range: &BlockRange) -> Result<Fork, Refusal> {
        match self.beyond_retention {
            BeyondRetention::Stop => {
                let lowest = self.ledger.first().map_or(range.end(), BlockRange::start);
                Err(Refusal::BeyondLedger(Box::new(BeyondLedger { range: range.clone(), lowest })))
            }
            BeyondRetention::Resync => Ok(Fork::Deeper { resume: None, why: Rewind::Resync }),
        }
    }
}
