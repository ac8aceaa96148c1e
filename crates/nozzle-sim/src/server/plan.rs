//! A query resolved against the dataset: which columns of which table.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use tonic::Status;

use super::state::State;
use crate::sql::{Item, Query, SqlError};
use crate::tables::Table;

/// What a query reads.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) table: Table,
    /// The schema of the answer.
    pub(super) schema: SchemaRef,
    /// The table's columns that the answer has, in its order.
    columns: Vec<usize>,
    /// What must be true of a row: a column of the table, and what it is to be compared to a
    /// number.
    conditions: Vec<(usize, &'static [Ordering], i128)>,
}

impl Plan {
    pub(super) fn new(state: &State, query: &Query) -> Result<Self, SqlError> {
        let source = match &query.inner {
            Some(inner) => Self::new(state, inner)?,
            None => Self::of_table(state, query)?,
        };
        let Self { table, schema: source, columns: inner, mut conditions } = source;
        for condition in &query.conditions {
            let index = column(&source, &condition.column)?;
            if integers(&arrow_array::new_empty_array(source.field(index).data_type())).is_none() {
                let text = format!("{} is no column of integers", condition.column);
                return Err(SqlError::Forbidden(text));
            }
            conditions.push((inner[index], condition.orders, condition.number));
        }
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for item in &query.items {
            match item {
                Item::All => {
                    fields.extend(source.fields().iter().map(Arc::clone));
                    columns.extend(&inner);
                }
                Item::Column { name, output } => {
                    let index = column(&source, name)?;
                    let field = source.field(index).clone().with_name(output);
                    fields.push(Arc::new(field));
                    columns.push(inner[index]);
                }
                Item::BlockNum { output } => {
                    // Carried along by the server, whatever is selected.
                    let table = table.schema();
                    let index = column(&table, "_block_num")?;
                    fields.push(Arc::new(table.field(index).clone().with_name(output)));
                    columns.push(index);
                }
                Item::Count { output } => {
                    fields.push(Arc::new(Field::new(output, DataType::Int64, false)));
                }
                Item::Max { column: name, output } => {
                    let index = column(&source, name)?;
                    let field = source.field(index).clone().with_name(output);
                    fields.push(Arc::new(field.with_nullable(true)));
                    columns.push(inner[index]);
                }
            }
        }
        Ok(Self { table, schema: Arc::new(Schema::new(fields)), columns, conditions })
    }

    /// All of the query's table.
    fn of_table(state: &State, query: &Query) -> Result<Self, SqlError> {
        let known = state.registry().serves(&query.dataset);
        let table = known.then(|| state.table(&query.table)).flatten().ok_or_else(|| {
            SqlError::NotFound(format!(
                "Error during planning: table 'amp.{}.{}' not found",
                query.dataset, query.table
            ))
        })?;
        let schema = table.schema();
        let columns = (0..schema.fields().len()).collect();
        Ok(Self { table, schema, columns, conditions: Vec::new() })
    }

    /// Those of the table's rows of which the conditions are true.
    pub(super) fn filter(&self, rows: RecordBatch) -> RecordBatch {
        self.conditions.iter().fold(rows, |rows, (index, orders, number)| {
            let values = integers(rows.column(*index)).unwrap_or_default();
            let is_wanted = |value: &Option<i128>| {
                value.is_some_and(|value| orders.contains(&value.cmp(number)))
            };
            let wanted: Vec<bool> = values.iter().map(is_wanted).collect();
            // As many answers as rows cannot fail; all rows are as good an answer as another.
            filter_record_batch(&rows, &wanted.into()).unwrap_or(rows)
        })
    }

    /// What the real server finds out only when it runs the query.
    pub(super) fn check(&self, query: &Query, stream: bool) -> Result<(), Status> {
        let block_num = query.items.iter().any(|item| matches!(item, Item::BlockNum { .. }));
        match query.non_incremental {
            Some(operation) if stream => Err(Status::invalid_argument(format!(
                "invalid query: non-incremental queries are not supported for streaming, query \
                 contains non-incremental operation: {operation}"
            ))),
            Some(_) if query.largest() == Some("_block_num") => Ok(()),
            Some(_) => Err(Status::unimplemented("the simulator does not aggregate, sort or cut")),
            None if block_num && !stream => {
                Err(Status::invalid_argument("failed to plan SQL query"))
            }
            None => Ok(()),
        }
    }

    /// The answer's columns of the table's rows.
    pub(super) fn project(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let pick = |index: &usize| rows.columns().get(*index).map(Arc::clone);
        let columns = self.columns.iter().filter_map(pick).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

/// The values of a column of integers.
fn integers(column: &ArrayRef) -> Option<Vec<Option<i128>>> {
    fn all<T: ArrowPrimitiveType<Native: Into<i128>>>(
        column: &ArrayRef,
    ) -> Option<Vec<Option<i128>>> {
        let values = column.as_primitive_opt::<T>()?.iter();
        Some(values.map(|value| value.map(Into::into)).collect())
    }
    all::<UInt64Type>(column)
        .or_else(|| all::<UInt32Type>(column))
        .or_else(|| all::<Int64Type>(column))
        .or_else(|| all::<Int32Type>(column))
}

fn column(schema: &Schema, name: &str) -> Result<usize, SqlError> {
    schema
        .index_of(name)
        .map_err(|_| SqlError::NotFound(format!("Schema error: No field named {name}.")))
}
