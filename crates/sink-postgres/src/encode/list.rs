//! Lists of scalars as PostgreSQL arrays of one dimension.

use ampsync_schema::PgType;
use arrow_schema::{DataType, Field};
use tokio_postgres::types::Type;

use super::column::Writer;
use super::out::Out;
use super::value_error::ValueError;
use super::values::Lists;

/// Writes the rows of a list column.
pub(super) struct ListWriter<'a> {
    lists: Lists<'a>,
    items: Box<Writer<'a>>,
    item_oid: u32,
}

impl<'a> ListWriter<'a> {
    pub(super) fn new(lists: Lists<'a>, items: Writer<'a>, item_oid: u32) -> Self {
        Self { lists, items: Box::new(items), item_oid }
    }

    pub(super) fn write(&self, row: usize, out: &mut Out) -> Result<(), ValueError> {
        let Some((start, end)) = self.lists.bounds(row) else {
            out.null();
            return Ok(());
        };
        out.sized(|out| {
            let length = end - start;
            let size = i32::try_from(length).map_err(|_| ValueError::TooMany(length))?;
            // An empty array has no dimension. The flag says that there may be nulls.
            out.put(i32::from(size > 0).to_be_bytes());
            out.put(1_i32.to_be_bytes());
            out.put(self.item_oid.to_be_bytes());
            if size > 0 {
                out.put(size.to_be_bytes());
                out.put(1_i32.to_be_bytes());
            }
            (start..end).try_for_each(|item| self.items.write(item, out))
        })
    }
}

/// The items of a list type.
pub(super) fn item(ty: &DataType) -> Option<&Field> {
    if let DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) = ty
    {
        Some(item)
    } else {
        None
    }
}

/// The number by which PostgreSQL knows the type of an array's items.
pub(super) fn item_oid(item: &PgType) -> u32 {
    match item {
        PgType::Boolean => Type::BOOL,
        PgType::SmallInt => Type::INT2,
        PgType::Integer => Type::INT4,
        PgType::BigInt => Type::INT8,
        PgType::Numeric(_) => Type::NUMERIC,
        PgType::Real => Type::FLOAT4,
        PgType::Double => Type::FLOAT8,
        PgType::Text => Type::TEXT,
        PgType::Bytea => Type::BYTEA,
        PgType::Date => Type::DATE,
        PgType::Time => Type::TIME,
        PgType::Timestamp => Type::TIMESTAMP,
        PgType::TimestampTz => Type::TIMESTAMPTZ,
        PgType::Interval => Type::INTERVAL,
        PgType::Jsonb => Type::JSONB,
        PgType::Array(item) => return item_oid(item),
    }
    .oid()
}
