//! A query resolved against the dataset: which columns of which table.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use tonic::Status;

use super::state::State;
use crate::sql::{Item, Query, Reference, SqlError};
use crate::tables::Table;

/// What a query reads.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) table: Table,
    /// The schema of the answer.
    pub(super) schema: SchemaRef,
    /// The table's columns that the answer has, in its order.
    columns: Vec<usize>,
}

impl Plan {
    pub(super) fn new(state: &State, query: &Query) -> Result<Self, SqlError> {
        let known = is_served(state, &Reference::new(&query.dataset));
        let table = known.then(|| state.table(&query.table)).flatten().ok_or_else(|| {
            SqlError::NotFound(format!(
                "Error during planning: table 'amp.{}.{}' not found",
                query.dataset, query.table
            ))
        })?;
        let source = table.schema();
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for item in &query.items {
            match item {
                Item::All => {
                    fields.extend(source.fields().iter().map(Arc::clone));
                    columns.extend(0..source.fields().len());
                }
                Item::Column { name, output } => {
                    let index = column(&source, name)?;
                    let field = source.field(index).clone().with_name(output);
                    fields.push(Arc::new(field));
                    columns.push(index);
                }
                Item::BlockNum { output } => {
                    let index = column(&source, "_block_num")?;
                    fields.push(Arc::new(source.field(index).clone().with_name(output)));
                    columns.push(index);
                }
                Item::Count { output } => {
                    fields.push(Arc::new(Field::new(output, DataType::Int64, false)));
                }
            }
        }
        Ok(Self { table, schema: Arc::new(Schema::new(fields)), columns })
    }

    /// What the real server finds out only when it runs the query.
    pub(super) fn check(&self, query: &Query, stream: bool) -> Result<(), Status> {
        let block_num = query.items.iter().any(|item| matches!(item, Item::BlockNum { .. }));
        match query.non_incremental {
            Some(operation) if stream => Err(Status::invalid_argument(format!(
                "invalid query: non-incremental queries are not supported for streaming, query \
                 contains non-incremental operation: {operation}"
            ))),
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

fn is_served(state: &State, reference: &Reference<'_>) -> bool {
    let config = &state.config;
    let revisions = ["latest", "dev", &config.version, &config.manifest_hash()];
    reference.namespace == config.namespace
        && reference.name == config.dataset
        && revisions.contains(&reference.revision)
}

fn column(schema: &Schema, name: &str) -> Result<usize, SqlError> {
    schema
        .index_of(name)
        .map_err(|_| SqlError::NotFound(format!("Schema error: No field named {name}.")))
}
