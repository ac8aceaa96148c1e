//! Whether a PostgreSQL table has exactly the rows of some Arrow batches.
//!
//! Both sides are brought to a text of PostgreSQL's own making: the table's by `::text`, the
//! batches' by code that shares nothing with the product's encoder, so that the same mistake is
//! not made twice. Rows are compared as a multiset: their order means nothing.

mod calendar;
mod difference;
mod form;
mod json;
mod literal;
mod read;
mod value;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use tokio_postgres::Client;

pub use difference::{BlockDifference, Difference};
use form::Form;
pub use read::Unreadable;

/// The column by which differences are grouped.
const BLOCK_COLUMN: &str = "_block_num";

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The table has exactly these rows.
    Equal {
        /// How many.
        rows: u64,
        /// A hash of them all, in whatever order they are.
        hash: u64,
    },
    /// It does not.
    Different(Box<Difference>),
}

impl Verdict {
    /// The number of rows.
    ///
    /// # Panics
    /// When the table differs; the message says how.
    #[track_caller]
    pub fn expect_equal(self) -> u64 {
        match self {
            Self::Equal { rows, .. } => rows,
            Self::Different(difference) => panic!("{difference}"),
        }
    }
}

/// Why a table could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// PostgreSQL refused a query.
    #[error("PostgreSQL refused to read the table")]
    Postgres(#[from] tokio_postgres::Error),
    /// There is no such table, or it lacks a column that the batches have.
    #[error("table {table} has no column {column}")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A batch has a value that this module cannot read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// PostgreSQL's text of a value makes no sense for the type of its column.
    #[error("column {column} has {text:?}, which is not {form:?}")]
    Garbled {
        /// The column.
        column: String,
        /// The text.
        text: String,
        /// What it should be.
        form: String,
    },
}

/// One row: each column as text.
type Row = Vec<Option<String>>;

/// Compares a table with the rows it should have. Columns that only the table has are ignored.
///
/// Sets how the session writes dates, times, floats and bytes.
///
/// # Errors
/// When the two cannot be compared at all.
pub async fn table(
    client: &Client,
    schema: &str,
    table: &str,
    batches: &[RecordBatch],
) -> Result<Verdict, VerifyError> {
    let qualified = format!("{}.{}", quoted(schema), quoted(table));
    client
        .batch_execute(
            "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; \
             SET extra_float_digits = 1; SET bytea_output = 'hex'",
        )
        .await?;
    let columns = match batches.first() {
        Some(batch) => columns(client, schema, table, &qualified, batch).await?,
        None => Vec::new(),
    };
    let expected = expected_rows(batches, &columns)?;
    let found = found_rows(client, &qualified, &columns).await?;
    Ok(compare(columns, &expected, &found))
}

/// How often each row occurs.
type Rows = HashMap<Row, u64>;

struct Column {
    name: String,
    form: Form,
}

async fn columns(
    client: &Client,
    schema: &str,
    table: &str,
    qualified: &str,
    batch: &RecordBatch,
) -> Result<Vec<Column>, VerifyError> {
    let query = "SELECT attname::text, format_type(atttypid, NULL) \
         FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace \
         WHERE nspname = $1 AND relname = $2 AND attnum > 0 AND NOT attisdropped";
    let found = client.query(query, &[&schema, &table]).await?;
    let types: HashMap<String, String> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    let column = |name: &String| {
        let form = types.get(name).map(|sql| Form::of(sql)).ok_or_else(|| {
            VerifyError::NoColumn { table: qualified.to_owned(), column: name.clone() }
        })?;
        Ok(Column { name: name.clone(), form })
    };
    batch.schema().fields().iter().map(|field| column(field.name())).collect()
}

fn expected_rows(batches: &[RecordBatch], columns: &[Column]) -> Result<Rows, VerifyError> {
    let mut rows = Rows::new();
    for batch in batches {
        for index in 0..batch.num_rows() {
            let row = columns
                .iter()
                .zip(batch.columns())
                .map(|(column, array)| Ok(column.form.expected(&read::value(array, index)?)));
            *rows.entry(row.collect::<Result<Row, Unreadable>>()?).or_default() += 1;
        }
    }
    Ok(rows)
}

async fn found_rows(
    client: &Client,
    qualified: &str,
    columns: &[Column],
) -> Result<Rows, VerifyError> {
    let texts: Vec<String> =
        columns.iter().map(|column| format!("{}::text", quoted(&column.name))).collect();
    let query = format!("SELECT {} FROM {qualified}", texts.join(", "));
    let no_parameters: [&str; 0] = [];
    let mut stream = pin!(client.query_raw(&query, no_parameters).await?);
    let mut rows = Rows::new();
    while let Some(row) = stream.try_next().await? {
        let texts = columns.iter().enumerate().map(|(index, column)| {
            let text: Option<String> = row.try_get(index)?;
            text.map(|text| column.found(text)).transpose()
        });
        *rows.entry(texts.collect::<Result<Row, VerifyError>>()?).or_default() += 1;
    }
    Ok(rows)
}

impl Column {
    fn found(&self, text: String) -> Result<String, VerifyError> {
        self.form.found(&text).ok_or_else(|| VerifyError::Garbled {
            column: self.name.clone(),
            text,
            form: format!("{:?}", self.form),
        })
    }
}

fn compare(columns: Vec<Column>, expected: &Rows, found: &Rows) -> Verdict {
    let names: Vec<String> = columns.into_iter().map(|column| column.name).collect();
    let block = names.iter().position(|name| name == BLOCK_COLUMN);
    let mut difference =
        Difference::new(names, block, expected.values().sum(), found.values().sum());
    for (row, &expected) in expected {
        difference.add(row, expected, found.get(row).copied().unwrap_or(0));
    }
    for (row, &found) in found.iter().filter(|(row, _)| !expected.contains_key(*row)) {
        difference.add(row, 0, found);
    }
    if difference.blocks.is_empty() {
        Verdict::Equal { rows: difference.expected, hash: hash(found) }
    } else {
        Verdict::Different(Box::new(difference))
    }
}

/// Sums the hashes of the rows, so that their order does not matter.
fn hash(rows: &Rows) -> u64 {
    rows.iter().fold(0, |sum, (row, count)| {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        sum.wrapping_add(hasher.finish().wrapping_mul(*count))
    })
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
