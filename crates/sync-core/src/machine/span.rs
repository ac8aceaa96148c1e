use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch, UInt64Array};

use super::{Refusal, Violation};
use crate::chain::{BlockNum, BlockRange};

/// The blocks that some rows cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSpan {
    /// The block of the first row.
    pub(crate) first: BlockNum,
    /// The block of the last row.
    pub(crate) last: BlockNum,
    /// Whether no row is of a lower block than the row before it.
    pub(crate) ascending: bool,
}

impl BlockSpan {
    /// The span of `rows`, of which there is at least one, each inside `range`.
    pub(crate) fn of(
        rows: &RecordBatch,
        column: &str,
        range: &BlockRange,
    ) -> Result<Self, Refusal> {
        let no_column =
            || Violation::NoBlockColumn { column: column.to_owned(), range: range.clone() };
        let blocks = block_column(rows, column).ok_or_else(no_column)?;
        if blocks.null_count() > 0 {
            return Err(Violation::RowWithoutBlock {
                column: column.to_owned(),
                range: range.clone(),
            }
            .into());
        }
        let values = blocks.values();
        let inside = range.start().get()..=range.end().get();
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            return Err(no_column().into());
        };
        if let Some(block) = values.iter().find(|block| !inside.contains(block)) {
            return Err(Violation::RowOutsideRange { block: *block, range: range.clone() }.into());
        }
        let number = |block: &u64| BlockNum::try_from(*block).unwrap_or(BlockNum::MAX);
        Ok(Self { first: number(first), last: number(last), ascending: values.is_sorted() })
    }
}

/// The block numbers of `rows`, where they have such a column.
pub(crate) fn block_column<'a>(rows: &'a RecordBatch, column: &str) -> Option<&'a UInt64Array> {
    rows.column_by_name(column)?.as_primitive_opt::<UInt64Type>()
}
