//! The queries of a config as streams of their own: what a server is asked for when a table is
//! not to be read as it was built there, but computed on the way.
//!
//! A config's SQL names datasets by aliases that only its build knows, may ask for things that
//! cannot be computed along a growing chain, and seldom selects the block number that every row
//! needs so that it can be retracted. [`streamable`] mends the first and the last, and refuses the
//! second with the reason, before a server is asked.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "SQL has a hundred kinds of expressions and tokens, of which few matter here"
)]

mod block;
mod filter;
mod problem;
mod resolve;
mod review;
mod selection;
mod sources;
mod text;

use crate::dataset_ref::DatasetRef;
use crate::manifest::{Dependency, Function};
use crate::names::TableName;
use crate::quoted::quoted;

pub use filter::Filter;
pub use problem::{Problem, Problems};
pub use selection::Selection;
pub use sources::{SourceTable, sources};

/// What the names in a query may mean.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The dataset itself: `self`, and its own name.
    pub own: Option<&'a DatasetRef>,
    /// The datasets that have an alias.
    pub dependencies: &'a [Dependency],
    /// The dataset's own functions, which no other query can use.
    pub functions: &'a [Function],
}

/// A query that a server can stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamQuery {
    /// The query in one line: datasets by their references, the block number selected.
    pub sql: String,
    /// The column of the result that has each row's block number.
    pub block_column: String,
}

/// The query for all of a table of a dataset at a version, as servers until October 2025 read it:
/// `name__1_0_0.table`. They know no namespaces.
///
/// What has no version is written as [`DatasetRef::select_all`] writes it.
#[must_use]
pub fn select_all_by_version(dataset: &DatasetRef, table: &TableName) -> String {
    let Some(version) = dataset.revision() else { return dataset.select_all(table) };
    let schema = format!("{}__{}", dataset.name(), version.as_str().replace('.', "_"));
    format!("SELECT * FROM {}.{}", quoted(&schema), quoted(table.as_str()))
}

/// Makes the query of `table` one that a server can stream.
///
/// Aliases of dependencies, and `self`, become quoted references; what is quoted and has a
/// namespace or revision already stays as it is. The block number is selected first where the
/// query does not select it: as `_block_num`, through subqueries too, or as
/// `block_num() AS ampsync_block_num` where rows are made of several (a join, a group), which a
/// server since March 2026 understands. A column that the query itself makes of `_block_num` or
/// `block_num()` is taken as it is.
///
/// The result, made streamable again, is itself.
///
/// # Errors
/// Everything because of which it cannot be streamed, each with its place in the query.
pub fn streamable(
    table: &TableName,
    sql: &str,
    names: &Names<'_>,
) -> Result<StreamQuery, Problems> {
    let (mut text, query) =
        text::Text::parse(sql).map_err(|problem| Problems::one(table, problem))?;
    let problems = review::review(&query, names, &mut text);
    if let Some(problems) = Problems::new(table, problems) {
        return Err(problems);
    }
    let block_column =
        block::select(&query, &mut text).map_err(|problem| Problems::one(table, *problem))?;
    Ok(StreamQuery { sql: text.finish(), block_column })
}
