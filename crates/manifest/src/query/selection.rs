//! Some of the columns and rows of a stream: what a user does not want is not sent.

use super::filter::Filter;
use super::{StreamQuery, select_all_by_version};
use crate::dataset_ref::DatasetRef;
use crate::names::TableName;

/// Which columns and rows of a stream are wanted. The default wants all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    columns: Vec<String>,
    filter: Option<Filter>,
}

impl Selection {
    /// These columns, all if there are none, of the rows that `filter` lets pass.
    #[must_use]
    pub fn new(columns: Vec<String>, filter: Option<Filter>) -> Self {
        Self { columns, filter }
    }

    /// Whether everything is wanted.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.columns.is_empty() && self.filter.is_none()
    }

    /// The wanted columns, in the order in which they were named; all if empty.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The filter, if there is one.
    #[must_use]
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// The same columns and rows in an order of our own: whoever names the columns in another
    /// order wants the same.
    #[must_use]
    pub fn in_any_order(&self) -> Self {
        let mut columns = self.columns.clone();
        columns.sort_unstable();
        Self { columns, filter: self.filter.clone() }
    }

    /// Whether a column of this name is among the wanted ones. The block column always is.
    #[must_use]
    pub fn has(&self, column: &str, block_column: &str) -> bool {
        self.columns.is_empty()
            || column == block_column
            || self.columns.iter().any(|wanted| wanted == column)
    }

    /// The query for this much of a built table, whose block numbers are in `block_column`.
    #[must_use]
    pub fn of_table(&self, dataset: &DatasetRef, table: &TableName, block_column: &str) -> String {
        self.narrow(dataset.select_all(table), block_column)
    }

    /// The same as [`select_all_by_version`] writes it.
    #[must_use]
    pub fn of_table_by_version(
        &self,
        dataset: &DatasetRef,
        table: &TableName,
        block_column: &str,
    ) -> String {
        self.narrow(select_all_by_version(dataset, table), block_column)
    }

    /// This much of a query's result, as a query of the query.
    #[must_use]
    pub fn of_query(&self, query: &StreamQuery) -> StreamQuery {
        if self.is_all() {
            return query.clone();
        }
        let all = format!("SELECT * FROM ({}) AS q", query.sql);
        let sql = self.narrow(all, &query.block_column);
        StreamQuery { sql, block_column: query.block_column.clone() }
    }

    /// `all` is a `SELECT *` that ends with what it selects from.
    fn narrow(&self, all: String, block_column: &str) -> String {
        let mut sql = match all.strip_prefix("SELECT * ") {
            Some(from) if !self.columns.is_empty() => {
                format!("SELECT {} {from}", self.list(block_column))
            }
            Some(_) | None => all,
        };
        if let Some(filter) = &self.filter {
            sql.push_str(&format!(" WHERE ({})", filter.sql()));
        }
        sql
    }

    fn list(&self, block_column: &str) -> String {
        let names = self.columns.iter().map(String::as_str);
        // Rows without a block number could never be retracted.
        let block = Some(block_column).filter(|block| !names.clone().any(|name| name == *block));
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        block.into_iter().chain(names).map(quoted).collect::<Vec<_>>().join(", ")
    }
}
