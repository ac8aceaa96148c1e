use std::collections::VecDeque;

use arrow_array::RecordBatch;
use tokio::time::Instant;

use super::budget::Share;
use crate::chain::Cursor;
use crate::machine::{Refusal, Rewind, Step};

/// The last message, as far as it is not dealt with.
pub(super) struct Inbox<E> {
    /// Why no more messages come; what came before is written first.
    pub(super) ending: Option<Ending<E>>,
    /// What was decided about it and is not done yet.
    pub(super) steps: VecDeque<Step>,
    /// Its rows and their bytes, until they are in the buffer.
    pub(super) rows: Option<(RecordBatch, usize)>,
    /// What the table holds of the memory budget.
    pub(super) share: Share,
    /// Whether the budget for the rows is taken.
    pub(super) granted: bool,
    /// Whether the stream had nothing more when it was last asked.
    pub(super) quiet: bool,
    /// Since when something could have been written.
    pub(super) ready_since: Option<Instant>,
    /// When something came last, or was last written.
    pub(super) heard: Instant,
}

/// Why a stream ends by itself.
pub(super) enum Ending<E> {
    NotReady,
    Failed(E),
    Refused(Refusal),
}

impl<E> Inbox<E> {
    pub(super) fn new(share: Share) -> Self {
        Self {
            ending: None,
            steps: VecDeque::new(),
            rows: None,
            share,
            granted: false,
            quiet: false,
            ready_since: None,
            heard: Instant::now(),
        }
    }
}

/// What keeps the next step from being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// Nothing: the next message may come.
    No,
    /// What is ready has to be written first.
    Flush,
    /// This many bytes of the budget.
    Memory(usize),
    /// The stream has to be opened again from here.
    Reopen(Option<Cursor>, Rewind),
    /// Nothing more will come.
    End,
}
