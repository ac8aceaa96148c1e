//! Encodes Arrow rows as PostgreSQL's binary COPY format.
//!
//! What a column's values become is planned once ([`column`]). For each batch its arrays are looked
//! at once ([`values`]), and then written row by row without allocating anything: by pgpq what it
//! can encode as it is, by our own writers beside it what has limits to be checked, or what pgpq
//! does not know.

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
use bytes::BytesMut;

pub(crate) use copy::CopyData;
pub use counts::ValueCounts;
pub use value_error::{Unsupported, UnsupportedColumn, ValueError};

use self::column::ColumnPlan;
use self::out::{FIELD_BYTES_MAX, Out};
use crate::error::Error;
use crate::options::ValuePolicy;

/// Encodes rows for one table.
pub(crate) struct TableEncoder {
    table: QualifiedName,
    columns: Vec<NamedColumn>,
    block: usize,
    policy: ValuePolicy,
    counts: ValueCounts,
    /// How many bytes a row had lately.
    row_bytes: usize,
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
            Ok(Self { table, columns, block, policy, counts, row_bytes: 0 })
        } else {
            Err(Error::Unsupported { table, columns: unsupported })
        }
    }

    /// Adds `rows` to `out`, or nothing at all.
    pub(crate) fn encode(&mut self, rows: &RecordBatch, out: &mut CopyData) -> Result<(), Error> {
        self.check_columns(rows)?;
        let count = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
        let mut writers = Vec::with_capacity(self.columns.len());
        for (column, array) in self.columns.iter().zip(rows.columns()) {
            let writer = column.plan.writer(array);
            writers.push(writer.map_err(|error| self.value_error(&column.name, rows, 0, error))?);
        }
        let room = rows.num_rows().saturating_mul(self.row_bytes + self.row_bytes / 8);
        let mut fields = Out::new(BytesMut::with_capacity(room.min(ROOM_MAX)), self.policy);
        for row in 0..rows.num_rows() {
            fields.put(count.to_be_bytes());
            for (writer, column) in writers.iter().zip(&self.columns) {
                let start = fields.buffer.len();
                let written = writer.write(row, &mut fields);
                let bytes = fields.buffer.len() - start;
                let written = if bytes > FIELD_BYTES_MAX {
                    Err(ValueError::TooLong { bytes, most: FIELD_BYTES_MAX })
                } else {
                    written
                };
                written.map_err(|error| self.value_error(&column.name, rows, row, error))?;
            }
        }
        self.row_bytes = fields.buffer.len() / rows.num_rows().max(1);
        self.counts.add(&self.table, &fields.tally);
        out.push(fields.buffer.freeze(), rows.num_rows());
        Ok(())
    }

    /// Rows of another shape must not be taken for ours.
    fn check_columns(&self, rows: &RecordBatch) -> Result<(), Error> {
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

/// The most memory that is asked for at once on the ground of what rows had before.
const ROOM_MAX: usize = 64 << 20;
