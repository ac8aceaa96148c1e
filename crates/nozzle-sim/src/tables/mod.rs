//! The tables of the simulated dataset. Rows are a pure function of table and block, so that a
//! replay, and the oracle of a test, give the same rows for the same block hash.

mod blocks;
mod change;
mod column;
mod logs;
mod scripted;
mod sparse;
mod transactions;

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use crate::chain::Block;
use crate::dice::Dice;
pub use change::SchemaChange;
use column::Row;
use scripted::Script;

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Ethereum blocks, one row each.
    Blocks,
    /// Ethereum logs.
    Logs,
    /// Ethereum transactions, with lists of structs.
    Transactions,
    /// A made-up table with rows in about one block of forty, a `Decimal256`, a 256-bit number
    /// as text, a `Utf8View` and a nullable note.
    Sparse,
    /// Rows that were given, of any types.
    Scripted,
}

/// One table of the dataset.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    kind: TableKind,
    rows_per_block: RangeInclusive<u32>,
    /// One block in this many has rows.
    one_in: u64,
    dictionary: bool,
    changes: Vec<SchemaChange>,
    script: Script,
}

impl Table {
    /// Ethereum's `blocks`.
    #[must_use]
    pub fn blocks() -> Self {
        Self::new("blocks", TableKind::Blocks, 1..=1, 1)
    }

    /// Ethereum's `logs`, 0 to 6 of them in a block.
    #[must_use]
    pub fn logs() -> Self {
        Self::new("logs", TableKind::Logs, 0..=6, 1)
    }

    /// Ethereum's `transactions`, 0 to 4 of them in a block.
    #[must_use]
    pub fn transactions() -> Self {
        Self::new("transactions", TableKind::Transactions, 0..=4, 1)
    }

    /// A table named `sparse` with 1 to 3 rows in about one block of forty.
    #[must_use]
    pub fn sparse() -> Self {
        Self::new("sparse", TableKind::Sparse, 1..=3, 40)
    }

    /// A table with the given rows of each block, from block 0 on; later blocks have none. The
    /// schema has the column `_block_num`, and the rows of a block have its number.
    ///
    /// The server sends a dictionary once a stream: batches that share one should be slices of one
    /// batch.
    ///
    /// # Panics
    /// When a batch has another schema, as soon as the rows of several blocks are sent together.
    #[must_use]
    pub fn scripted(name: &str, schema: SchemaRef, blocks: Vec<RecordBatch>) -> Self {
        let script = Script::new(schema, blocks);
        Self { script, ..Self::new(name, TableKind::Scripted, 0..=0, 1) }
    }

    fn new(name: &str, kind: TableKind, rows_per_block: RangeInclusive<u32>, one_in: u64) -> Self {
        let name = name.to_owned();
        let (changes, script) = (Vec::new(), Script::default());
        Self { name, kind, rows_per_block, one_in, dictionary: false, changes, script }
    }

    /// The same table under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The table with another number of rows in a block. Has no effect on `blocks`.
    #[must_use]
    pub fn with_rows_per_block(mut self, rows: RangeInclusive<u32>) -> Self {
        if self.kind != TableKind::Blocks {
            self.rows_per_block = rows;
        }
        self
    }

    /// The table with rows in about one block of `n`.
    #[must_use]
    pub fn with_rows_in_one_block_of(mut self, n: u64) -> Self {
        if self.kind != TableKind::Blocks {
            self.one_in = n.max(1);
        }
        self
    }

    /// The table with `note` dictionary-encoded; only `sparse` has such a column.
    #[must_use]
    pub fn with_dictionary(mut self) -> Self {
        self.dictionary = true;
        self
    }

    /// The table after a change of its schema.
    #[must_use]
    pub fn with_change(mut self, change: SchemaChange) -> Self {
        self.changes.push(change);
        self
    }

    /// The table before the last change of its schema.
    pub(crate) fn without_last_change(mut self) -> Self {
        self.changes.pop();
        self
    }

    /// The name, as SQL says it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema of `SELECT *`.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let schema = match self.kind {
            TableKind::Blocks => blocks::schema(),
            TableKind::Logs => logs::schema(),
            TableKind::Transactions => transactions::schema(),
            TableKind::Sparse => sparse::schema(self.dictionary),
            TableKind::Scripted => Arc::clone(&self.script.schema),
        };
        self.changes.iter().fold(schema, |schema, change| change.schema(&schema))
    }

    /// How many rows the block has.
    #[must_use]
    pub fn row_count(&self, block: &Block) -> u32 {
        if self.kind == TableKind::Scripted {
            return self.script.row_count(block);
        }
        let mut dice = Dice::new(block.seed(), self.tag());
        if !dice.one_in(self.one_in) {
            return 0;
        }
        let (low, high) = (*self.rows_per_block.start(), *self.rows_per_block.end());
        low + dice.below_u32(high.saturating_sub(low).saturating_add(1))
    }

    /// The rows of one block.
    #[must_use]
    pub fn rows(&self, block: &Block) -> RecordBatch {
        self.rows_of(std::slice::from_ref(block))
    }

    /// The rows of the blocks, in their order.
    #[must_use]
    pub fn rows_of(&self, blocks: &[Block]) -> RecordBatch {
        let rows: Vec<Row<'_>> = blocks
            .iter()
            .flat_map(|block| {
                (0..self.row_count(block)).map(|index| Row::new(block, index, self.tag()))
            })
            .collect();
        let columns = match self.kind {
            TableKind::Blocks => blocks::columns(&rows),
            TableKind::Logs => logs::columns(&rows),
            TableKind::Transactions => transactions::columns(&rows),
            TableKind::Sparse => sparse::columns(&rows, self.dictionary),
            TableKind::Scripted => return self.script.rows_of(blocks),
        };
        let schema = match self.kind {
            TableKind::Blocks => blocks::schema(),
            TableKind::Logs => logs::schema(),
            TableKind::Transactions => transactions::schema(),
            TableKind::Sparse => sparse::schema(self.dictionary),
            TableKind::Scripted => Arc::clone(&self.script.schema),
        };
        let batch = batch(schema, columns, rows.len());
        self.changes.iter().fold(batch, |batch, change| change.rows(&batch, &rows))
    }

    /// Keeps the values of different tables apart.
    fn tag(&self) -> u64 {
        match self.kind {
            TableKind::Blocks => 1,
            TableKind::Logs => 2,
            TableKind::Transactions => 3,
            TableKind::Sparse => 4,
            TableKind::Scripted => 5,
        }
    }
}

#[expect(clippy::expect_used, reason = "the columns are made for the schema, in this module")]
fn batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).expect("columns fit the schema")
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Decimal128Type, UInt64Type};
    use arrow_schema::DataType;

    use super::*;
    use crate::chain::Chain;

    fn blocks(count: u64) -> Vec<Block> {
        let mut chain = Chain::new(11, "n");
        chain.mine(count);
        chain.stored().to_vec()
    }

    fn all() -> [Table; 5] {
        let sparse = Table::sparse().with_rows_in_one_block_of(2);
        [
            Table::blocks(),
            Table::logs(),
            Table::transactions(),
            sparse.clone(),
            sparse.with_dictionary(),
        ]
    }

    #[test]
    fn rows_are_a_function_of_the_block() {
        let blocks = blocks(40);
        for table in all() {
            let together = table.rows_of(&blocks);
            let mut from = 0;
            for block in &blocks {
                let alone = table.rows(block);
                let count = usize::try_from(table.row_count(block)).unwrap();
                assert_eq!(alone.num_rows(), count);
                assert_eq!(together.slice(from, count), alone, "{}", table.name());
                from += count;
            }
            assert_eq!(from, together.num_rows());
            assert!(from > 0, "{}", table.name());
        }
    }

    #[test]
    fn the_rows_of_another_fork_are_others() {
        let mut chain = Chain::new(11, "n");
        chain.mine(10);
        let before = chain.stored()[9];
        chain.reorg(1);
        let after = chain.stored()[9];
        let table = Table::logs().with_rows_per_block(1..=1);
        assert_ne!(table.rows(&before), table.rows(&after));
    }

    #[test]
    fn values_reach_the_corners_of_their_types() {
        let rows = Table::blocks().rows_of(&blocks(200));
        let nonces = rows.column_by_name("nonce").unwrap().as_primitive::<UInt64Type>();
        assert!(nonces.values().contains(&u64::MAX));
        let difficulty = rows.column_by_name("difficulty").unwrap();
        let difficulty = difficulty.as_primitive::<Decimal128Type>();
        assert!(difficulty.values().contains(&column::DECIMAL128_MAX));
        let extra = rows.column_by_name("extra_data").unwrap().as_binary::<i32>();
        assert!(extra.iter().flatten().any(<[u8]>::is_empty));
        assert!(extra.iter().flatten().any(|bytes| bytes.len() > 1000));
        let rows = Table::transactions().rows_of(&blocks(200));
        for name in ["to", "access_list", "blob_versioned_hashes", "authorization_list"] {
            let column = rows.column_by_name(name).unwrap();
            assert!(column.null_count() > 0 && column.null_count() < column.len(), "{name}");
        }
    }

    #[test]
    fn sparse_leaves_most_blocks_empty() {
        let blocks = blocks(4000);
        let full = blocks.iter().filter(|block| Table::sparse().row_count(block) > 0).count();
        assert!((50..200).contains(&full), "{full} of 4000");
    }

    #[test]
    fn a_change_of_schema_shows_in_schema_and_rows() {
        let blocks = blocks(20);
        let changed = Table::logs()
            .with_change(SchemaChange::Add("extra".to_owned()))
            .with_change(SchemaChange::Drop("topic3".to_owned()))
            .with_change(SchemaChange::Retype("data".to_owned()));
        let schema = changed.schema();
        assert_eq!(changed.rows_of(&blocks).schema(), schema);
        assert_eq!(schema.field_with_name("data").unwrap().data_type(), &DataType::Utf8);
        assert!(schema.field_with_name("extra").unwrap().is_nullable());
        assert!(schema.field_with_name("topic3").is_err());
    }
}
