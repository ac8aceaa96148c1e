//! Encodes Arrow rows as PostgreSQL's binary COPY format.
//!
//! What a column's values become is planned once ([`column`]). For each batch its arrays are looked
//! at once ([`values`]), and then written row by row without allocating anything: by pgpq what it
//! can encode as it is, by our own writers beside it what has limits to be checked, or what pgpq
//! does not know. The data leaves in pieces ([`copy`]), so that PostgreSQL works on one while the next
//! one is encoded.

mod column;
mod copy;
mod counts;
mod decimal_text;
mod json;
mod list;
mod moment;
mod number;
mod out;
mod value_error;
mod values;

use ampsync_schema::{QualifiedName, Table};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

pub(crate) use copy::CopyData;
pub use counts::ValueCounts;
pub use value_error::{Unsupported, UnsupportedColumn, ValueError};

use self::column::{ColumnPlan, Writer};
use self::out::FIELD_BYTES_MAX;
use crate::error::Error;
use crate::options::ValuePolicy;

/// Encodes rows for one table.
pub(crate) struct TableEncoder {
    table: QualifiedName,
    columns: Vec<NamedColumn>,
    block: usize,
    policy: ValuePolicy,
    counts: ValueCounts,
}

/// Rows on their way into the data of a COPY.
pub(crate) struct Encoding<'a> {
    encoder: &'a TableEncoder,
    rows: &'a RecordBatch,
    writers: Vec<Writer<'a>>,
    /// The first row that is not encoded yet.
    next: usize,
}

struct NamedColumn {
    name: String,
    data_type: DataType,
    plan: ColumnPlan,
}

impl TableEncoder {
    /// The encoder of rows with `schema` for `table`, which was made from it.
    pub(crate) fn new(
        table: &Table,
        schema: &Schema,
        policy: ValuePolicy,
        counts: ValueCounts,
    ) -> Result<Self, Error> {
        let mut columns = Vec::with_capacity(table.columns().len());
        let mut unsupported = Vec::new();
        for (index, (column, field)) in table.columns().iter().zip(schema.fields()).enumerate() {
            let name = column.name.as_str().to_owned();
            let data_type = field.data_type().clone();
            // A row without a block could never be retracted.
            let nullable = column.nullable && index != table.block_index();
            match ColumnPlan::new(&data_type, &column.ty, nullable) {
                Ok(plan) => columns.push(NamedColumn { name, data_type, plan }),
                Err(reason) => unsupported.push(UnsupportedColumn { column: name, reason }),
            }
        }
        let (block, table) = (table.block_index(), table.name().clone());
        if unsupported.is_empty() {
            Ok(Self { table, columns, block, policy, counts })
        } else {
            Err(Error::Unsupported { table, columns: unsupported })
        }
    }

    /// The beginning of the data of one COPY.
    pub(crate) fn data(&self) -> CopyData {
        CopyData::new(self.policy)
    }

    /// Begins to encode `rows`, which have passed [`check`](Self::check).
    pub(crate) fn begin<'a>(&'a self, rows: &'a RecordBatch) -> Result<Encoding<'a>, Error> {
        let mut writers = Vec::with_capacity(self.columns.len());
        for (column, array) in self.columns.iter().zip(rows.columns()) {
            let writer = column.plan.writer(array);
            writers.push(writer.map_err(|error| self.value_error(&column.name, rows, 0, error))?);
        }
        Ok(Encoding { encoder: self, rows, writers, next: 0 })
    }

    /// Rows of another shape must not be taken for ours.
    pub(crate) fn check(&self, rows: &RecordBatch) -> Result<(), Error> {
        let other = |what| Error::OtherColumns { table: self.table.clone(), what };
        if rows.num_columns() != self.columns.len() {
            let (found, wanted) = (rows.num_columns(), self.columns.len());
            return Err(other(format!("{found} columns, not {wanted}")));
        }
        for (column, field) in self.columns.iter().zip(rows.schema_ref().fields()) {
            if field.name() != &column.name {
                return Err(other(format!("column {:?}, not {:?}", field.name(), column.name)));
            }
            if field.data_type() != &column.data_type {
                let (found, wanted) = (field.data_type(), &column.data_type);
                return Err(other(format!("column {:?} is {found}, not {wanted}", column.name)));
            }
        }
        let blocks = rows.column(self.block);
        if blocks.null_count() > 0 {
            let row = (0..blocks.len()).find(|row| blocks.is_null(*row)).unwrap_or(0);
            let name = &self.columns[self.block].name;
            return Err(self.value_error(name, rows, row, ValueError::NullBlock));
        }
        Ok(())
    }

    fn value_error(
        &self,
        column: &str,
        rows: &RecordBatch,
        row: usize,
        source: ValueError,
    ) -> Error {
        let blocks = rows.column(self.block).as_primitive_opt::<UInt64Type>();
        let block = blocks
            .filter(|blocks| row < blocks.len() && blocks.is_valid(row))
            .map(|blocks| blocks.value(row));
        let (table, column) = (self.table.clone(), column.to_owned());
        Error::Value { table, column, block, source: Box::new(source) }
    }
}

impl Encoding<'_> {
    /// Encodes rows until there is a piece to be sent, or all are encoded. Whether there is one.
    ///
    /// After an error, `data` holds part of a row.
    pub(crate) fn fill(&mut self, data: &mut CopyData) -> Result<bool, Error> {
        let encoder = self.encoder;
        let count = u16::try_from(encoder.columns.len()).unwrap_or(u16::MAX).to_be_bytes();
        while self.next < self.rows.num_rows() {
            if data.is_full() {
                return Ok(true);
            }
            let (row, out) = (self.next, &mut data.out);
            out.put(count);
            for (writer, column) in self.writers.iter().zip(&encoder.columns) {
                let start = out.buffer.len();
                let written = writer.write(row, out);
                let bytes = out.buffer.len() - start;
                let written = if bytes > FIELD_BYTES_MAX {
                    Err(ValueError::TooLong { bytes, most: FIELD_BYTES_MAX })
                } else {
                    written
                };
                written
                    .map_err(|error| encoder.value_error(&column.name, self.rows, row, error))?;
            }
            self.next += 1;
        }
        encoder.counts.add(&encoder.table, &std::mem::take(&mut data.out.tally));
        Ok(data.is_full())
    }
}
