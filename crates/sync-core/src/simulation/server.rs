use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::chain::{BlockHash, BlockNum, BlockRange, Cursor, Network};
use crate::message::{Mark, Message};

pub(super) const BLOCK_COLUMN: &str = "_block_num";

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |name| Field::new(name, DataType::UInt64, false);
    Arc::new(Schema::new(vec![field(BLOCK_COLUMN), field("block_id"), field("index")]))
});

/// A row, as the server sends it and as the table has it: block number, block id, index.
pub(super) type Row = (u64, u64, u64);

/// A chain of blocks, each with an id of its own, and what the server remembers of its forks.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    canonical: Vec<u64>,
    parents: BTreeMap<u64, (u64, Option<u64>)>,
    remembered: BTreeSet<u64>,
    next_id: u64,
}

impl Chain {
    pub(super) fn new() -> Self {
        let (parents, remembered) = (BTreeMap::new(), BTreeSet::new());
        Self { canonical: Vec::new(), parents, remembered, next_id: 1 }
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.canonical.len()).unwrap()
    }

    pub(super) fn mine(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.parents.insert(self.next_id, (self.len(), self.canonical.last().copied()));
            self.remembered.insert(self.next_id);
            self.canonical.push(self.next_id);
            self.next_id += 1;
        }
    }

    /// Replaces the top `depth` blocks by one more than that.
    pub(super) fn reorg(&mut self, depth: u64) {
        let depth = depth.min(self.len());
        let keep = usize::try_from(self.len() - depth).unwrap();
        self.canonical.truncate(keep);
        self.mine(depth + 1);
    }

    /// The server forgets all blocks that are not canonical.
    pub(super) fn forget_forks(&mut self) {
        self.remembered = self.canonical.iter().copied().collect();
    }

    /// The server starts again from nothing, with `blocks` new blocks.
    pub(super) fn redeploy(&mut self, blocks: u64) {
        self.canonical.clear();
        self.remembered.clear();
        self.mine(blocks);
    }

    /// The fork that ends in block `id`, lowest block first.
    pub(super) fn ancestors(&self, id: u64) -> Vec<u64> {
        let mut fork: Vec<_> = std::iter::successors(Some(id), |id| self.parents[id].1).collect();
        fork.reverse();
        fork
    }

    pub(super) fn canonical(&self) -> &[u64] {
        &self.canonical
    }

    pub(super) fn cursor(&self, number: u64) -> Option<Cursor> {
        let id = *self.canonical.get(usize::try_from(number).unwrap())?;
        let number = BlockNum::try_from(number).unwrap();
        Some(Cursor { network: network(), number, hash: hash(id) })
    }

    fn is_canonical(&self, number: u64, id: u64) -> bool {
        usize::try_from(number).is_ok_and(|number| self.canonical.get(number) == Some(&id))
    }

    /// Where the server continues for a client that has `cursor`.
    fn start_after(&self, cursor: Option<(u64, u64)>) -> u64 {
        match cursor {
            None => 0,
            Some((number, id)) if self.is_canonical(number, id) => number + 1,
            Some((_, mut id)) if self.remembered.contains(&id) => loop {
                match self.parents[&id] {
                    (_, Some(parent)) if self.is_canonical(self.parents[&parent].0, parent) => {
                        break self.parents[&id].0;
                    }
                    (_, Some(parent)) if self.remembered.contains(&parent) => id = parent,
                    (number, _) => break number,
                }
            },
            Some((number, _)) => number,
        }
    }
}

/// How many rows a block has: some have none.
pub(super) fn rows_of(number: u64, id: u64) -> Vec<Row> {
    (0..id % 3).map(|index| (number, id, index)).collect()
}

pub(super) fn hash(id: u64) -> BlockHash {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&id.to_be_bytes());
    BlockHash(bytes)
}

fn network() -> Network {
    Network::new("testnet")
}

/// One stream of the server.
#[derive(Debug)]
pub(super) struct Connection {
    cursor: Option<(u64, u64)>,
    range_blocks: u64,
    rows_max: usize,
    marks: bool,
    outbox: VecDeque<Message>,
}

impl Connection {
    /// `marks`: whether this server marks the end of a range; one that does not is silent about
    /// ranges without rows.
    pub(super) fn open(
        resume: Option<&Cursor>,
        range_blocks: u64,
        rows_max: usize,
        marks: bool,
    ) -> Self {
        let cursor = resume.map(|cursor| {
            let id = u64::from_be_bytes(cursor.hash.0[24..].try_into().unwrap());
            (cursor.number.get(), id)
        });
        Self { cursor, range_blocks, rows_max, marks, outbox: VecDeque::new() }
    }

    /// The next message, if the server has something to say.
    pub(super) fn next(&mut self, chain: &Chain) -> Option<Message> {
        loop {
            if let Some(message) = self.outbox.pop_front() {
                return Some(message);
            }
            let start = chain.start_after(self.cursor);
            if start >= chain.len() {
                return None;
            }
            self.send_range(chain, start, chain.len().min(start + self.range_blocks) - 1);
        }
    }

    fn send_range(&mut self, chain: &Chain, start: u64, end: u64) {
        let id_at = |number: u64| chain.canonical[usize::try_from(number).unwrap()];
        let number = |number: u64| BlockNum::try_from(number).unwrap();
        let parent = start.checked_sub(1).map_or(0, id_at);
        let (start_num, end_num) = (number(start), number(end));
        let range =
            BlockRange::new(network(), start_num, end_num, hash(id_at(end)), Some(hash(parent)));
        let range = range.unwrap();
        let mark = if self.marks { Mark::Open } else { Mark::Absent };
        let send =
            |rows: &[Row], mark| Message { ranges: vec![range.clone()], rows: batch(rows), mark };
        let rows: Vec<_> = (start..=end).flat_map(|block| rows_of(block, id_at(block))).collect();
        self.outbox.extend(rows.chunks(self.rows_max).map(|rows| send(rows, mark)));
        if self.marks {
            self.outbox.push_front(send(&[], Mark::Open));
            self.outbox.push_back(send(&[], Mark::Complete));
        }
        self.cursor = Some((end, id_at(end)));
    }
}

fn batch(rows: &[Row]) -> RecordBatch {
    let column = |value: fn(&Row) -> u64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(value(row))).collect::<UInt64Array>())
    };
    let columns = vec![column(|row| row.0), column(|row| row.1), column(|row| row.2)];
    RecordBatch::try_new(Arc::clone(&SCHEMA), columns).unwrap()
}

/// The rows of a batch made by [`batch`].
pub(super) fn rows_in(batch: &RecordBatch) -> Vec<Row> {
    let column =
        |index: usize| -> &UInt64Array { batch.column(index).as_any().downcast_ref().unwrap() };
    let (blocks, ids, indexes) = (column(0), column(1), column(2));
    (0..batch.num_rows())
        .map(|row| (blocks.value(row), ids.value(row), indexes.value(row)))
        .collect()
}
