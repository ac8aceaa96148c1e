use std::borrow::Cow;

use crate::chain::{BlockHash, BlockNum, BlockRange, Cursor, Ledger};
use crate::fault::{Classify, Fault};

/// How far a table is: what a sink stores beside the rows and changes in one transaction with
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Checkpoint {
    /// How often the table was committed; moves by compare-and-swap.
    pub version: u64,
    /// The commit that moved it here; none before the first.
    pub commit: Option<CommitId>,
    /// The lowest block the table was ever given.
    pub first_block: Option<BlockNum>,
    /// The last completed block: where a stream resumes.
    pub cursor: Option<Cursor>,
    /// Through which block the table has rows beyond the cursor, committed ahead of the end of
    /// their range. The next start deletes them before it resumes.
    pub provisional: Option<BlockNum>,
    /// The completed ranges, as deep as they are retained.
    pub ledger: Ledger,
}

/// A checkpoint that no commit has left so: its cursor is not where its ledger ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the stored checkpoint contradicts itself: its cursor is {cursor}, its ledger ends in {ledger}"
)]
pub struct Contradiction {
    cursor: String,
    ledger: String,
}

impl Classify for Contradiction {
    fn fault(&self) -> Fault {
        Fault::Permanent
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some("Somebody edited the bookkeeping: restore it, or reset the table.".into())
    }
}

impl Checkpoint {
    /// Checks that cursor and ledger agree, as far as a ledger is there.
    ///
    /// # Errors
    /// When they do not: a stream must not be resumed from either.
    pub fn consistent(&self) -> Result<(), Contradiction> {
        let ledger = self.ledger.last().map(BlockRange::cursor);
        if ledger.is_none() || ledger == self.cursor {
            return Ok(());
        }
        let text = |cursor: Option<&Cursor>| cursor.map_or("none".to_owned(), Cursor::to_string);
        let (cursor, ledger) = (text(self.cursor.as_ref()), text(ledger.as_ref()));
        Err(Contradiction { cursor, ledger })
    }

    /// Moves on to what it is after `advance`.
    pub fn apply(&mut self, advance: &Advance) {
        if let Some(cut) = advance.cut {
            self.ledger.truncate(cut.base, cut.parent);
        }
        advance.completed.iter().for_each(|range| self.ledger.push(range.clone()));
        self.ledger.prune(advance.floor);
        self.version = advance.version();
        self.commit = Some(advance.commit);
        self.first_block = advance.first_block;
        self.cursor.clone_from(&advance.cursor);
        self.provisional = advance.provisional;
    }

    /// The checkpoint after `advance`.
    #[must_use]
    pub fn advanced(&self, advance: &Advance) -> Self {
        let mut next = self.clone();
        next.apply(advance);
        next
    }
}

/// Names one commit, so that one whose answer was lost can be recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CommitId(pub i64);

impl CommitId {
    /// A name that no other commit has.
    #[must_use]
    pub fn random() -> Self {
        Self(fastrand::i64(..))
    }
}

/// How one commit moves a table's checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The version the checkpoint must have; any other means that somebody else moved it.
    pub from: u64,
    /// The name of this commit. A retry of the same commit keeps it.
    pub commit: CommitId,
    /// What the ledger forgets first, after a reorg.
    pub cut: Option<Cut>,
    /// The ranges this commit completes, ascending, which the ledger adds.
    pub completed: Vec<BlockRange>,
    /// The ledger forgets ranges that end below this block.
    pub floor: BlockNum,
    /// The new [`Checkpoint::first_block`].
    pub first_block: Option<BlockNum>,
    /// The new [`Checkpoint::cursor`].
    pub cursor: Option<Cursor>,
    /// The new [`Checkpoint::provisional`].
    pub provisional: Option<BlockNum>,
}

impl Advance {
    /// The version the checkpoint has afterwards.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.from + 1
    }
}

/// Where a reorg cuts the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The lowest block that is no longer true.
    pub base: BlockNum,
    /// The hash of the block below, where it is known: a range that spans `base` keeps its part
    /// up to there.
    pub parent: Option<BlockHash>,
}
