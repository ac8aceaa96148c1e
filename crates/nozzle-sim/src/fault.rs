//! What a test makes the server do wrong.

use std::collections::VecDeque;

use tonic::{Code, Status};

/// One thing the server does wrong, once.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The next `GetFlightInfo` fails.
    FlightInfo(Code, String),
    /// The next `DoGet` fails.
    DoGet(Code, String),
    /// A stream breaks after `after` more messages (the schema counts). It is taken by the next
    /// stream that opens or, if sooner, by an open one before its next range; an idle stream
    /// takes it at once.
    Break {
        /// How many messages still arrive.
        after: usize,
        /// How the stream ends.
        with: Break,
    },
    /// The next stream to open never sends anything, not even its schema.
    Silence,
    /// The next `GetFlightInfo` is never answered.
    Withhold,
    /// The next stream to open starts at the earliest block, whatever its cursor says.
    IgnoreCursor,
    /// The next range on any stream that can be told this way is told wrongly.
    Lie(Lie),
}

/// How a stream ends before its time.
#[derive(Clone, Debug)]
pub enum Break {
    /// With this gRPC status.
    Status(Code, String),
    /// Cleanly, as if all were said.
    Eof,
    /// With every connection to the server cut.
    Reset,
}

/// What the server says that is not so. It knows the truth and goes on with it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The range's `hash` belongs to no block.
    Hash,
    /// The range's `prev_hash` belongs to no block.
    PrevHash,
    /// The range goes on from the cursor of another dataset: its numbers fit, neither of its hashes
    /// does.
    OtherDataset,
    /// The range's first block is missing, rows included. Waits for a range of two blocks.
    Gap,
    /// The block below the range is sent once more as part of it.
    Overlap,
    /// There is a block's worth of rows above the range's end (of a table that always has rows).
    RowsAbove,
    /// The rows are not in the order of their blocks. Waits for a range of two blocks.
    Unordered,
    /// The completion message has the rows of the range's last block.
    RowsInCompletion,
    /// The range belongs to a network named `lies`.
    OtherNetwork,
    /// The range is told for two networks at once.
    TwoNetworks,
    /// The metadata is missing.
    NoMetadata,
    /// The metadata is not JSON.
    Garbage,
    /// The completion message is missing.
    NoCompletion,
    /// The first message with rows lacks the end of its body.
    TruncatedBody,
    /// The header of the first message is garbled.
    GarbledHeader,
    /// The first message is larger than what clients take.
    Oversized,
}

/// The faults that wait for their moment, first come first.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<(Option<String>, Fault)>);

impl Faults {
    pub(crate) fn push(&mut self, table: Option<String>, fault: Fault) {
        self.0.push_back((table, fault));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the first fault that concerns `table` and that `pick` wants.
    fn take<T>(&mut self, table: &str, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let concerned = |of: &Option<String>| of.as_deref().is_none_or(|of| of == table);
        let mut found = self.0.iter().enumerate().filter(|(_, (of, _))| concerned(of));
        let (index, picked) = found.find_map(|(index, (_, fault))| Some((index, pick(fault)?)))?;
        self.0.remove(index);
        Some(picked)
    }

    pub(crate) fn clear(&mut self) -> usize {
        let left = self.0.len();
        self.0.clear();
        left
    }

    pub(crate) fn flight_info(&mut self, table: &str) -> Option<Status> {
        self.take(table, |fault| {
            let Fault::FlightInfo(code, text) = fault else { return None };
            Some(Status::new(*code, text))
        })
    }

    pub(crate) fn do_get(&mut self, table: &str) -> Option<Status> {
        self.take(table, |fault| {
            let Fault::DoGet(code, text) = fault else { return None };
            Some(Status::new(*code, text))
        })
    }

    pub(crate) fn silence(&mut self, table: &str) -> bool {
        self.take(table, |fault| matches!(fault, Fault::Silence).then_some(())).is_some()
    }

    pub(crate) fn withhold(&mut self, table: &str) -> bool {
        self.take(table, |fault| matches!(fault, Fault::Withhold).then_some(())).is_some()
    }

    pub(crate) fn ignore_cursor(&mut self, table: &str) -> bool {
        self.take(table, |fault| matches!(fault, Fault::IgnoreCursor).then_some(())).is_some()
    }

    pub(crate) fn snare(&mut self, table: &str) -> Option<(usize, Break)> {
        self.take(table, |fault| {
            let Fault::Break { after, with } = fault else { return None };
            Some((*after, with.clone()))
        })
    }

    /// A lie that can be told of a range of `blocks` blocks.
    pub(crate) fn lie(&mut self, table: &str, blocks: usize) -> Option<Lie> {
        self.take(table, |fault| match fault {
            Fault::Lie(Lie::Gap | Lie::Unordered) if blocks < 2 => None,
            Fault::Lie(lie) => Some(*lie),
            Fault::FlightInfo(..)
            | Fault::DoGet(..)
            | Fault::Break { .. }
            | Fault::Silence
            | Fault::Withhold
            | Fault::IgnoreCursor => None,
        })
    }
}
