//! Every type, read back as PostgreSQL writes it.

mod chosen;
mod limits;
mod nested;
mod policy;
mod scalars;
mod stored;
mod times;

use std::sync::Arc;

use ampsync_schema::{ColumnOptions, ColumnType};
use arrow_array::{Array, ArrayRef};
use sink_postgres::{Error, SinkOptions, ValueCounts, ValueError};
use sync_core::CommitError;

use crate::support::*;

/// What PostgreSQL says that each column holds, row by row, and what was not stored as it came.
async fn stored(
    columns: Vec<(&str, ArrayRef)>,
    options: SinkOptions,
) -> Result<(Vec<Vec<Option<String>>>, ValueCounts), Error> {
    let world = World::new().await;
    let count = columns[0].1.len();
    let names: Vec<_> = columns.iter().map(|(name, _)| format!("\"{name}\"::text")).collect();
    let blocks: Vec<_> = (0..).take(count).collect();
    let rows = batch(&blocks, columns);
    let mut sink = world.sink().with_options(options);
    let start = ready(&mut sink, &plan_of("t", rows.schema().as_ref().clone())).await;
    let mut txn = sync_core::Sink::begin(&mut sink).await?;
    sync_core::Txn::append(&mut txn, &rows).await?;
    let last = u64::try_from(count).unwrap();
    match sync_core::Txn::commit(txn, &advance(&start, &[range(0, last)])).await {
        Err(CommitError::Aborted(error)) => return Err(error),
        committed => _ = committed.unwrap(),
    }
    let query = format!("SELECT {} FROM t ORDER BY _block_num", names.join(", "));
    Ok((world.texts(&query).await, sink.value_counts()))
}

/// Writes `columns` and returns what PostgreSQL says each of them holds, row by row.
async fn written(columns: Vec<(&str, ArrayRef)>) -> Vec<Vec<Option<String>>> {
    stored(columns, SinkOptions::default()).await.unwrap().0
}

/// Each column with the texts it must have.
async fn check(columns: Vec<(&str, ArrayRef, &[Option<&str>])>) {
    let arrays = columns.iter().map(|(name, array, _)| (*name, Arc::clone(array))).collect();
    let rows = written(arrays).await;
    for (index, (name, _, expected)) in columns.iter().enumerate() {
        let found: Vec<_> = rows.iter().map(|row| row[index].as_deref()).collect();
        assert_eq!(found, *expected, "column {name}");
    }
}

/// The options that choose a type for the column `v`.
fn choose(ty: ColumnType) -> SinkOptions {
    let mut column = ColumnOptions::default();
    column.ty = Some(ty);
    let mut options = SinkOptions::default();
    options.table.columns.insert("v".to_owned(), column);
    options
}

/// What a column `v` of the chosen type holds of some values.
async fn chosen(values: impl Array + 'static, ty: ColumnType) -> Vec<Option<String>> {
    let (rows, _) = stored(vec![("v", Arc::new(values))], choose(ty)).await.unwrap();
    rows.into_iter().map(|mut row| row.remove(0)).collect()
}

/// Why a value of the column `v` is refused.
async fn refused(values: impl Array + 'static, options: SinkOptions) -> ValueError {
    let error = stored(vec![("v", Arc::new(values))], options).await.unwrap_err();
    let Error::Value { column, block: Some(_), source, .. } = error else { panic!("{error}") };
    assert_eq!(column, "v");
    *source
}
