use std::time::SystemTime;

use crate::chain::BlockNum;

/// What a table is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableState {
    /// Preparing the table and opening the stream.
    Starting,
    /// Another instance writes the table; this one waits to take over.
    Standby,
    /// The server has nothing to stream yet.
    NotReady,
    /// Streaming, with nothing waiting to be written.
    Live,
    /// Streaming, and behind.
    CatchingUp,
    /// Waiting to try again after an error.
    BackingOff {
        /// How many attempts in a row have failed.
        attempt: u32,
    },
    /// Stopped for good; the others go on.
    Stopped,
}

/// Where the chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last block that the server is known to have.
    pub number: BlockNum,
    /// When that was seen.
    pub seen: SystemTime,
}

/// A reorg that was undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastReorg {
    /// When it was committed.
    pub at: SystemTime,
    /// The lowest block whose rows were untrue.
    pub start: BlockNum,
    /// The highest one that had been streamed.
    pub end: BlockNum,
    /// How many rows were deleted; `None` where the answer was lost.
    pub rows: Option<u64>,
}

impl LastReorg {
    /// How many blocks it invalidated.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.end.get().saturating_sub(self.start.get()) + 1
    }
}

impl TableState {
    /// Whether the table follows its stream. At the head it goes back and forth between the two
    /// states of that all the time.
    #[must_use]
    pub fn is_streaming(self) -> bool {
        matches!(self, Self::Live | Self::CatchingUp)
    }

    /// A short name for labels: `starting`, `standby`, `not_ready`, `live`, `catching_up`,
    /// `backing_off`, `stopped`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::NotReady => "not_ready",
            Self::Live => "live",
            Self::CatchingUp => "catching_up",
            Self::BackingOff { .. } => "backing_off",
            Self::Stopped => "stopped",
        }
    }
}
