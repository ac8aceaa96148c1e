//! Lists of scalars as PostgreSQL arrays of one dimension.

use ampsync_schema::PgType;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use bytes::{BufMut, BytesMut};
use tokio_postgres::types::Type;

use super::column::Writer;
use super::{NULL, ValueError, sized};

/// Writes the rows of a list column.
pub(super) struct ListWriter<'a> {
    lists: &'a dyn Array,
    items: Box<Writer<'a>>,
    item_oid: u32,
    /// Where the first item of the first row is in the column's items.
    first: usize,
}

impl<'a> ListWriter<'a> {
    pub(super) fn new(lists: &'a dyn Array, items: Writer<'a>, item_oid: u32) -> Self {
        Self { lists, items: Box::new(items), item_oid, first: bounds(lists, 0).0 }
    }

    pub(super) fn size_hint(&self) -> usize {
        24 * self.lists.len() + self.items.size_hint()
    }

    pub(super) fn write(&self, row: usize, buffer: &mut BytesMut) -> Result<(), ValueError> {
        if self.lists.is_null(row) {
            buffer.extend_from_slice(&NULL);
            return Ok(());
        }
        let (start, end) = bounds(self.lists, row);
        sized(buffer, |buffer| {
            let length = end - start;
            let size = i32::try_from(length).map_err(|_| ValueError::TooLong(length))?;
            // An empty array has no dimension. The flag says that there may be nulls.
            buffer.put_i32(i32::from(size > 0));
            buffer.put_i32(1);
            buffer.put_u32(self.item_oid);
            if size > 0 {
                buffer.put_i32(size);
                buffer.put_i32(1);
            }
            (start..end).try_for_each(|item| self.items.write(item - self.first, buffer))
        })
    }
}

/// The items of all rows, and only those: a slice of a large column must not cost its whole.
pub(super) fn items(lists: &dyn Array) -> ArrayRef {
    let start = bounds(lists, 0).0;
    let end = lists.len().checked_sub(1).map_or(start, |last| bounds(lists, last).1);
    values(lists).slice(start, end - start)
}

/// The row whose list has the item at `item` of [`items`].
pub(super) fn row_of_item(lists: &dyn Array, item: usize) -> usize {
    let first = bounds(lists, 0).0;
    (0..lists.len()).find(|row| first + item < bounds(lists, *row).1).unwrap_or(0)
}

fn values(lists: &dyn Array) -> &ArrayRef {
    if let Some(lists) = lists.as_list_opt::<i32>() {
        lists.values()
    } else if let Some(lists) = lists.as_list_opt::<i64>() {
        lists.values()
    } else {
        lists.as_fixed_size_list().values()
    }
}

/// Where the items of `row` begin and end.
pub(super) fn bounds(lists: &dyn Array, row: usize) -> (usize, usize) {
    // An offset is never negative: Arrow's constructors see to it.
    let index = |offset: i64| usize::try_from(offset).unwrap_or(0);
    if lists.data_type() == &DataType::Null || lists.is_empty() {
        (0, 0)
    } else if let Some(lists) = lists.as_list_opt::<i32>() {
        let offsets = lists.value_offsets();
        (index(offsets[row].into()), index(offsets[row + 1].into()))
    } else if let Some(lists) = lists.as_list_opt::<i64>() {
        let offsets = lists.value_offsets();
        (index(offsets[row]), index(offsets[row + 1]))
    } else {
        let lists = lists.as_fixed_size_list();
        let start = index(lists.value_offset(row).into());
        (start, start + index(lists.value_length().into()))
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
