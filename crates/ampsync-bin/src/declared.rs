//! What the manifest says of a table's columns, compared with what the server streams. The server
//! is right; that the two differ is worth a line in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::{Fields, Schema, SchemaRef};
use nozzle_client::StreamSource;
use sync_core::Source;
use sync_core::chain::Cursor;

/// A stream that is compared once, when its schema is first known.
#[derive(Debug)]
pub(crate) struct ComparedSource {
    stream: StreamSource,
    table: String,
    declared: Option<Fields>,
    compared: AtomicBool,
}

impl ComparedSource {
    pub(crate) fn new(stream: StreamSource, table: &str, declared: Option<Fields>) -> Self {
        Self { stream, table: table.to_owned(), declared, compared: AtomicBool::new(false) }
    }

    fn compare(&self, schema: &Schema) {
        if let Some(declared) = &self.declared
            && !self.compared.swap(true, Ordering::Relaxed)
        {
            for Difference { column, what, declared, streamed } in differences(declared, schema) {
                let table = &self.table;
                tracing::warn!(
                    table,
                    column,
                    declared,
                    streamed,
                    "{what}: the manifest says otherwise, and the stream is right"
                );
            }
        }
    }
}

impl Source for ComparedSource {
    type Error = <StreamSource as Source>::Error;
    type Stream = <StreamSource as Source>::Stream;

    async fn schema(&self) -> Result<SchemaRef, Self::Error> {
        let schema = self.stream.schema().await?;
        self.compare(&schema);
        Ok(schema)
    }

    async fn open(
        &self,
        resume: Option<&Cursor>,
    ) -> Result<(SchemaRef, Self::Stream), Self::Error> {
        let (schema, stream) = self.stream.open(resume).await?;
        self.compare(&schema);
        Ok((Arc::clone(&schema), stream))
    }
}

/// One column that is not what it was declared to be.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    column: String,
    what: &'static str,
    declared: Option<String>,
    streamed: Option<String>,
}

/// The columns that differ: those declared first, in their order.
fn differences(declared: &Fields, streamed: &Schema) -> Vec<Difference> {
    // Old manifests tell nothing of nulls, and read as if every column had some.
    let tells_nulls = declared.iter().any(|field| !field.is_nullable());
    let mut found = Vec::new();
    let mut differ = |column: &str, what, declared: Option<String>, streamed: Option<String>| {
        found.push(Difference { column: column.to_owned(), what, declared, streamed });
    };
    let nulls = |nullable| Some(if nullable { "nullable" } else { "not null" }.to_owned());
    for field in declared {
        match streamed.field_with_name(field.name()) {
            Err(_) => {
                let declared = Some(field.data_type().to_string());
                differ(field.name(), "a column is missing", declared, None);
            }
            Ok(other) if other.data_type() != field.data_type() => {
                let types = [field.data_type(), other.data_type()].map(|t| Some(t.to_string()));
                let [declared, streamed] = types;
                differ(field.name(), "a column has another type", declared, streamed);
            }
            Ok(other) if tells_nulls && other.is_nullable() != field.is_nullable() => {
                let (declared, streamed) = (nulls(field.is_nullable()), nulls(other.is_nullable()));
                differ(field.name(), "a column differs in nulls", declared, streamed);
            }
            Ok(_) => {}
        }
    }
    for field in streamed.fields() {
        // Manifests leave out what every table has.
        let known = declared.iter().any(|other| other.name() == field.name());
        if !known && field.name() != "_block_num" {
            let streamed = Some(field.data_type().to_string());
            differ(field.name(), "there is an additional column", None, streamed);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;

    fn told(declared: Vec<Field>, streamed: Vec<Field>) -> Vec<String> {
        let found = differences(&Fields::from(declared), &Schema::new(streamed));
        let line = |difference: Difference| {
            let Difference { column, what, declared, streamed } = difference;
            format!(
                "{column}: {what}: {} {}",
                declared.unwrap_or_default(),
                streamed.unwrap_or_default()
            )
        };
        found.into_iter().map(line).collect()
    }

    fn field(name: &str, data_type: DataType, nullable: bool) -> Field {
        Field::new(name, data_type, nullable)
    }

    #[test]
    fn every_difference_is_told_by_column() {
        let declared = vec![
            field("same", DataType::Utf8, false),
            field("gone", DataType::Utf8, true),
            field("retyped", DataType::UInt64, true),
            field("nulls", DataType::Utf8, false),
        ];
        let streamed = vec![
            field("_block_num", DataType::UInt64, false),
            field("new", DataType::Boolean, true),
            field("nulls", DataType::Utf8, true),
            field("retyped", DataType::Utf8, true),
            field("same", DataType::Utf8, false),
        ];
        assert_eq!(
            told(declared, streamed),
            [
                "gone: a column is missing: Utf8 ",
                "retyped: a column has another type: UInt64 Utf8",
                "nulls: a column differs in nulls: not null nullable",
                "new: there is an additional column:  Boolean",
            ]
        );
    }

    #[test]
    fn a_manifest_that_tells_nothing_of_nulls_is_not_held_to_them() {
        let declared = vec![field("b", DataType::Utf8, true), field("a", DataType::Utf8, true)];
        let streamed = vec![field("a", DataType::Utf8, false), field("b", DataType::Utf8, true)];
        assert!(told(declared, streamed).is_empty());
    }
}
