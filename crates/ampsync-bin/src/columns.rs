//! Which columns a stream has, by what is known of it before the server is asked.

use std::sync::Arc;

use ampsync_manifest::query::Selection;
use arrow_schema::{DataType, Field, FieldRef, Fields};

/// The column of a built table that has each row's block number.
pub(crate) const BLOCK_COLUMN: &str = "_block_num";

/// The columns of a stream whose table the manifest declares to have `declared`.
///
/// Every built table begins with `_block_num`, which manifests may leave out, as the server
/// prepends it. A query that has its block numbers under another name does not have that one.
pub(crate) fn streamed(declared: &Fields, block_column: &str) -> Fields {
    let is_foreign =
        |field: &&FieldRef| block_column != BLOCK_COLUMN && field.name() == BLOCK_COLUMN;
    let fields = declared.iter().filter(|field| !is_foreign(field)).map(Arc::clone);
    if declared.iter().any(|field| field.name() == block_column) {
        return fields.collect();
    }
    let block = Arc::new(Field::new(block_column, DataType::UInt64, false));
    std::iter::once(block).chain(fields).collect()
}

/// What is wanted of a stream's columns, in the order in which the server then sends them.
pub(crate) fn narrowed(all: &Fields, selection: &Selection, block_column: &str) -> Fields {
    let wanted = selection.columns();
    if wanted.is_empty() {
        return all.clone();
    }
    let find = |name: &str| all.iter().find(|field| field.name() == name).map(Arc::clone);
    let block = Some(block_column).filter(|block| !wanted.iter().any(|name| name == block));
    block.into_iter().chain(wanted.iter().map(String::as_str)).filter_map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(names: &[&str]) -> Fields {
        names.iter().map(|name| Field::new(*name, DataType::UInt64, false)).collect()
    }

    fn names(fields: &Fields) -> Vec<&str> {
        fields.iter().map(|field| field.name().as_str()).collect()
    }

    #[test]
    fn the_block_number_is_prepended_where_a_manifest_leaves_it_out() {
        assert_eq!(names(&streamed(&fields(&["a"]), "_block_num")), ["_block_num", "a"]);
        assert_eq!(
            names(&streamed(&fields(&["a", "_block_num"]), "_block_num")),
            ["a", "_block_num"]
        );
        assert_eq!(names(&streamed(&fields(&["_block_num", "a", "at"]), "at")), ["a", "at"]);
        assert_eq!(names(&streamed(&fields(&["_block_num", "a"]), "added")), ["added", "a"]);
    }

    #[test]
    fn columns_come_in_the_order_in_which_they_are_wanted() {
        let all = fields(&["_block_num", "a", "b"]);
        let wanted = |columns: &[&str]| {
            let columns = columns.iter().map(|column| (*column).to_owned()).collect();
            let narrowed = narrowed(&all, &Selection::new(columns, None), "_block_num");
            names(&narrowed).join(" ")
        };
        assert_eq!(wanted(&[]), "_block_num a b");
        assert_eq!(wanted(&["b", "a"]), "_block_num b a");
        assert_eq!(wanted(&["b", "_block_num"]), "b _block_num");
    }
}
