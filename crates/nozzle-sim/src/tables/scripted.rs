//! Tables whose rows are given instead of made up.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;

use crate::chain::Block;

/// The rows of each block, from block 0 on.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) schema: SchemaRef,
    blocks: Arc<[RecordBatch]>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new(Arc::new(Schema::empty()), Vec::new())
    }
}

impl Script {
    pub(super) fn new(schema: SchemaRef, blocks: Vec<RecordBatch>) -> Self {
        Self { schema, blocks: blocks.into() }
    }

    fn block(&self, block: &Block) -> Option<&RecordBatch> {
        self.blocks.get(usize::try_from(block.number).ok()?)
    }

    pub(super) fn row_count(&self, block: &Block) -> u32 {
        let rows = self.block(block).map_or(0, RecordBatch::num_rows);
        u32::try_from(rows).unwrap_or(u32::MAX)
    }

    #[expect(clippy::expect_used, reason = "the caller has promised batches of one schema")]
    pub(super) fn rows_of(&self, blocks: &[Block]) -> RecordBatch {
        let batches: Vec<_> = blocks.iter().filter_map(|block| self.block(block)).collect();
        match *batches.as_slice() {
            // As it was given, with its offsets and its dictionaries, which all have to share.
            [batch] => batch.clone(),
            [] if !self.blocks.is_empty() => self.blocks[0].slice(0, 0),
            _ => concat_batches(&self.schema, batches).expect("the batches have the schema"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, UInt64Array};

    use crate::chain::Chain;
    use crate::tables::Table;

    #[test]
    fn a_block_has_the_rows_that_were_given_for_it() {
        let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![0, 1, 1]));
        let rows = RecordBatch::try_from_iter([("_block_num", numbers)]).unwrap();
        let blocks = vec![rows.slice(0, 1), rows.slice(1, 2)];
        let table = Table::scripted("given", rows.schema(), blocks.clone());
        let mut chain = Chain::new(1, "n");
        chain.mine(3);
        let stored = chain.stored();
        assert_eq!(
            stored.iter().map(|block| table.row_count(block)).collect::<Vec<_>>(),
            [1, 2, 0]
        );
        assert_eq!(table.rows(&stored[1]), blocks[1]);
        assert_eq!(table.rows_of(stored), rows);
        assert_eq!(table.rows(&stored[2]).num_rows(), 0);
        assert_eq!(table.rows_of(&[]).schema(), rows.schema());
    }
}
