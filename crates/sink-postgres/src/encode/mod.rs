//! Encodes Arrow rows as PostgreSQL's binary COPY format.
//!
//! A column is first converted as a whole to an Arrow type whose values PostgreSQL has
//! ([`convert`]), and then written row by row: by pgpq where it knows the type, by our own writers
//! beside it where it does not (decimals of 256 bits, nested values as JSONB, arrays, text).

mod column;
mod convert;
mod json;
mod list;
mod numeric;
mod text;

use ampsync_schema::{QualifiedName, Table};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};
use bytes::{BufMut, Bytes, BytesMut};

use self::column::ColumnPlan;
use crate::error::Error;

/// A column whose type this sink cannot write yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column:?} has the Arrow type {ty}")]
pub struct UnsupportedColumn {
    /// The column.
    pub column: String,
    /// The type, or the part of it, that cannot be written.
    pub ty: DataType,
}

/// Why a value cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// PostgreSQL has no such text.
    #[error("the text holds a NUL character")]
    Nul,
    /// A row that could never be retracted.
    #[error("the block number is null")]
    NullBlock,
    /// It does not fit its column.
    #[error("{0} is above 9223372036854775807")]
    BlockTooHigh(u64),
    /// It is too far from today.
    #[error("the date is out of range")]
    DateOutOfRange,
    /// A field of a row has at most 1 GB.
    #[error("the value has {0} bytes")]
    TooLong(usize),
    /// The value cannot be encoded.
    #[error("the value cannot be encoded")]
    Encode(#[from] pgpq::error::ErrorKind),
    /// The column cannot be converted.
    #[error("the column cannot be converted")]
    Convert(#[from] ArrowError),
}

/// A value that cannot be stored, and its row.
#[derive(Debug)]
struct RowError {
    row: usize,
    source: ValueError,
}

/// Encodes rows for one table.
pub(crate) struct TableEncoder {
    table: QualifiedName,
    columns: Vec<NamedColumn>,
    block: usize,
    /// How many values lost what is finer than a microsecond.
    truncated: u64,
}

struct NamedColumn {
    name: String,
    data_type: DataType,
    plan: ColumnPlan,
}

impl TableEncoder {
    /// The encoder of rows with `schema` for `table`, which was made from it.
    pub(crate) fn new(table: &Table, schema: &Schema) -> Result<Self, Error> {
        let mut columns = Vec::with_capacity(table.columns().len());
        let mut unsupported = Vec::new();
        for (column, field) in table.columns().iter().zip(schema.fields()) {
            let name = column.name.as_str().to_owned();
            let data_type = field.data_type().clone();
            match ColumnPlan::new(&data_type, &column.ty) {
                Ok(plan) => columns.push(NamedColumn { name, data_type, plan }),
                Err(ty) => unsupported.push(UnsupportedColumn { column: name, ty }),
            }
        }
        let table_name = table.name().clone();
        if unsupported.is_empty() {
            Ok(Self { table: table_name, columns, block: table.block_index(), truncated: 0 })
        } else {
            Err(Error::Unsupported { table: table_name, columns: unsupported })
        }
    }

    /// Adds `rows` to `out`, or nothing at all.
    pub(crate) fn encode(&mut self, rows: &RecordBatch, out: &mut CopyData) -> Result<(), Error> {
        self.check_columns(rows)?;
        let count = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
        let mut converted = Vec::with_capacity(self.columns.len());
        let mut truncated = 0;
        for (column, array) in self.columns.iter().zip(rows.columns()) {
            let result = column.plan.convert(array, &mut truncated);
            converted.push(result.map_err(|error| self.value_error(&column.name, rows, error))?);
        }
        let mut writers = Vec::with_capacity(converted.len());
        for (column, array) in self.columns.iter().zip(&converted) {
            let error = |source| RowError { row: 0, source };
            let writer = column.plan.writer(array).map_err(error);
            writers.push(writer.map_err(|error| self.value_error(&column.name, rows, error))?);
        }
        let hint: usize = writers.iter().map(|writer| writer.size_hint()).sum();
        let mut buffer = BytesMut::with_capacity(hint + 2 * rows.num_rows());
        for row in 0..rows.num_rows() {
            buffer.extend_from_slice(&count.to_be_bytes());
            for (writer, column) in writers.iter().zip(&self.columns) {
                if let Err(source) = writer.write(row, &mut buffer) {
                    return Err(self.value_error(&column.name, rows, RowError { row, source }));
                }
            }
        }
        out.push(buffer.freeze(), rows.num_rows());
        self.note_truncated(truncated);
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
            return Err(self.value_error(
                name,
                rows,
                RowError { row, source: ValueError::NullBlock },
            ));
        }
        Ok(())
    }

    fn value_error(&self, column: &str, rows: &RecordBatch, error: RowError) -> Error {
        let blocks = rows.column(self.block).as_primitive_opt::<UInt64Type>();
        let block = blocks
            .filter(|blocks| error.row < blocks.len() && blocks.is_valid(error.row))
            .map(|blocks| blocks.value(error.row));
        Error::Value {
            table: self.table.clone(),
            column: column.to_owned(),
            block,
            source: Box::new(error.source),
        }
    }

    fn note_truncated(&mut self, values: u64) {
        if values > 0 && self.truncated == 0 {
            tracing::warn!(
                table = %self.table,
                "times are finer than a microsecond, which PostgreSQL cannot hold: the rest is cut"
            );
        }
        self.truncated += values;
    }
}

/// The first bytes of binary COPY data: signature, flags, and no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = &[0xff, 0xff];

/// How much is sent at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Encoded rows, waiting to be copied.
#[derive(Default)]
pub(crate) struct CopyData {
    parts: Vec<Bytes>,
    rows: usize,
}

impl CopyData {
    fn push(&mut self, part: Bytes, rows: usize) {
        self.parts.push(part);
        self.rows += rows;
    }

    /// The whole data, header and trailer included, in pieces; `None` without rows.
    pub(crate) fn finish(self) -> Option<Vec<Bytes>> {
        if self.rows == 0 {
            return None;
        }
        let mut chunks = vec![Bytes::from_static(HEADER)];
        for mut part in self.parts {
            while part.len() > CHUNK_BYTES {
                chunks.push(part.split_to(CHUNK_BYTES));
            }
            chunks.push(part);
        }
        chunks.push(Bytes::from_static(TRAILER));
        Some(chunks)
    }
}

/// The length that stands for NULL.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Writes a field: what `content` writes, with its length before it.
fn sized(
    buffer: &mut BytesMut,
    content: impl FnOnce(&mut BytesMut) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let start = buffer.len();
    buffer.put_i32(0);
    content(buffer)?;
    let length = buffer.len() - start - 4;
    let length = i32::try_from(length).map_err(|_| ValueError::TooLong(length))?;
    buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
