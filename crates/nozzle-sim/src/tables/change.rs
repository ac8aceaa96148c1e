use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::batch;
use super::column::Row;

/// A change of a table's schema under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaChange {
    /// The table gains this nullable `UInt64` column, as its last.
    Add(String),
    /// The table loses this column.
    Drop(String),
    /// This column becomes a non-null `Utf8` one.
    Retype(String),
}

impl SchemaChange {
    pub(super) fn schema(&self, schema: &SchemaRef) -> SchemaRef {
        let mut fields: Vec<_> = schema.fields().iter().map(Arc::clone).collect();
        match self {
            Self::Add(name) => fields.push(Arc::new(Field::new(name, DataType::UInt64, true))),
            Self::Drop(name) => fields.retain(|field| field.name() != name),
            Self::Retype(name) => {
                for field in fields.iter_mut().filter(|field| field.name() == name) {
                    *field = Arc::new(Field::new(name, DataType::Utf8, false));
                }
            }
        }
        Arc::new(Schema::new(fields))
    }

    pub(super) fn rows(&self, rows: &RecordBatch, source: &[Row<'_>]) -> RecordBatch {
        let mut columns = rows.columns().to_vec();
        let index = |name: &str| rows.schema_ref().index_of(name).ok();
        match self {
            Self::Add(_) => {
                let odd =
                    source.iter().map(|row| Some(row.dice(900).next()).filter(|n| n % 2 == 1));
                columns.push(Arc::new(odd.collect::<UInt64Array>()));
            }
            Self::Drop(name) => _ = index(name).map(|index| columns.remove(index)),
            Self::Retype(name) => {
                if let Some(column) = index(name).and_then(|index| columns.get_mut(index)) {
                    let text = StringArray::from_iter_values(source.iter().map(|_| "retyped"));
                    *column = Arc::new(text);
                }
            }
        }
        batch(self.schema(rows.schema_ref()), columns, rows.num_rows())
    }
}
