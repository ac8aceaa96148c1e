use super::server::{BLOCK_COLUMN, Chain, Connection, Row, rows_in, rows_of};
use crate::batch::{Buffer, Epoch};
use crate::checkpoint::Checkpoint;
use crate::config::BeyondRetention;
use crate::machine::{Machine, Refusal, Step};

/// How a world is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// The most blocks in one range.
    pub(super) range_blocks: u64,
    /// The most rows in one message.
    pub(super) rows_max: usize,
    /// Whether the server marks the end of a range.
    pub(super) marks: bool,
    /// How deep the ledger reaches.
    pub(super) retention: u64,
    pub(super) beyond_retention: BeyondRetention,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Mine(u64),
    Reorg(u64),
    ForgetForks,
    Redeploy,
    /// So many messages arrive.
    Receive(usize),
    /// A transaction of about so many rows is committed.
    Commit(usize),
    /// A transaction is committed, and its answer lost.
    LoseReply,
    /// The process dies and starts again.
    Crash,
}

/// A chain, a server, and a table that follows it.
pub(super) struct World {
    pub(super) chain: Chain,
    pub(super) stored: Checkpoint,
    pub(super) refusal: Option<Refusal>,
    table: Vec<Row>,
    setup: Setup,
    connection: Connection,
    machine: Machine,
    buffer: Buffer,
}

impl World {
    pub(super) fn new(setup: Setup) -> Self {
        let stored = Checkpoint::default();
        let (connection, machine, buffer) = begin(setup, &stored);
        let (chain, table) = (Chain::new(), Vec::new());
        Self { chain, stored, refusal: None, table, setup, connection, machine, buffer }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Mine(blocks) => self.chain.mine(blocks),
            Event::Reorg(depth) => self.chain.reorg(depth),
            Event::ForgetForks => self.chain.forget_forks(),
            Event::Redeploy => self.chain.redeploy(1),
            Event::Receive(messages) => {
                let _more = (0..messages).all(|_| self.receive());
            }
            Event::Commit(rows) => {
                if let Some(epoch) = self.buffer.take(rows, usize::MAX) {
                    self.commit(&epoch);
                }
            }
            Event::LoseReply => {
                if let Some(epoch) = self.buffer.take(usize::MAX, usize::MAX) {
                    self.commit(&epoch);
                }
                self.crash();
            }
            Event::Crash => self.crash(),
        }
    }

    /// Lets the server fall silent and everything be written.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.receive() {
                self.commit_all();
                return;
            }
        }
        panic!("the stream never falls silent");
    }

    /// The table's rows, in order.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = self.table.clone();
        rows.sort_unstable();
        rows
    }

    /// The rows that the first `blocks` blocks of the canonical chain have.
    pub(super) fn canonical_rows(&self, blocks: u64) -> Vec<Row> {
        rows_of_fork(&self.chain.canonical()[..usize::try_from(blocks).unwrap()])
    }

    fn receive(&mut self) -> bool {
        if self.refusal.is_some() {
            return false;
        }
        let Some(message) = self.connection.next(&self.chain) else { return false };
        let steps = match self.machine.on_message(&message) {
            Ok(steps) => steps,
            Err(refusal) => {
                self.refusal = Some(refusal);
                return false;
            }
        };
        for step in steps {
            match step {
                Step::NotReady => unreachable!("this server always has something to stream"),
                Step::Complete(range) => self.buffer.complete(range),
                Step::Retract(retraction) => {
                    self.commit_all();
                    self.buffer.retract(retraction);
                }
                Step::Append { span, range_start } => {
                    self.buffer.push(message.rows.clone(), 8, span, range_start).unwrap();
                }
                Step::Reconnect { resume, .. } => {
                    let Setup { range_blocks, rows_max, marks, .. } = self.setup;
                    self.connection =
                        Connection::open(resume.as_ref(), range_blocks, rows_max, marks);
                    self.machine.reopened(resume);
                }
            }
        }
        true
    }

    fn commit_all(&mut self) {
        while let Some(epoch) = self.buffer.take(usize::MAX, usize::MAX) {
            self.commit(&epoch);
        }
    }

    fn commit(&mut self, epoch: &Epoch) {
        assert_eq!(epoch.advance.from, self.stored.version, "fenced by nobody");
        if let Some(gone) = &epoch.retract {
            self.table.retain(|row| row.0 < gone.start.get() || row.0 > gone.end.get());
        }
        self.table.extend(epoch.batches.iter().flat_map(rows_in));
        self.stored.apply(&epoch.advance);
        self.check_snapshot();
    }

    /// What a reader sees is whole blocks of one fork, each row once, and what the checkpoint says.
    fn check_snapshot(&self) {
        let cursor = self.stored.cursor.as_ref().map(|cursor| cursor.number);
        let Some(top) = self.stored.provisional.max(cursor) else {
            return assert_eq!(self.rows(), [], "rows without a checkpoint");
        };
        let top_id = match &self.stored.cursor {
            Some(cursor) if cursor.number == top => {
                u64::from_be_bytes(cursor.hash.0[24..].try_into().unwrap())
            }
            _ => self.rows().last().expect("provisional rows").1,
        };
        let fork = self.chain.ancestors(top_id);
        assert_eq!(self.rows(), rows_of_fork(&fork), "not one fork: {:?}", self.stored);
    }

    fn crash(&mut self) {
        let cursor = self.stored.cursor.as_ref().map(|cursor| cursor.number.get());
        self.table.retain(|row| cursor.is_some_and(|cursor| row.0 <= cursor));
        if self.stored.provisional.take().is_some() {
            self.stored.version += 1;
        }
        (self.connection, self.machine, self.buffer) = begin(self.setup, &self.stored);
    }
}

fn begin(setup: Setup, stored: &Checkpoint) -> (Connection, Machine, Buffer) {
    let Setup { range_blocks, rows_max, marks, retention, beyond_retention } = setup;
    (
        Connection::open(stored.cursor.as_ref(), range_blocks, rows_max, marks),
        Machine::new(stored, BLOCK_COLUMN, retention, beyond_retention),
        Buffer::new(stored.clone(), BLOCK_COLUMN, retention, false),
    )
}

fn rows_of_fork(fork: &[u64]) -> Vec<Row> {
    let blocks = fork.iter().zip(0..);
    let mut rows: Vec<_> = blocks.flat_map(|(id, number)| rows_of(number, *id)).collect();
    rows.sort_unstable();
    rows
}
