//! Nested values as JSONB: bytes as `0x` and hex, numbers with all their digits.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowNativeTypeOp};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use bytes::{BufMut, BytesMut};

use super::list;
use super::{NULL, ValueError, sized};

/// The version of JSONB's binary form, which is otherwise the JSON text.
const VERSION: u8 = 1;

/// Whether all parts of `arrow` can be written; the part that cannot is the error.
pub(super) fn check(arrow: &DataType) -> Result<(), DataType> {
    match arrow {
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _)
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(_, _) => Ok(()),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            check(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field.data_type())),
        DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Map(_, _)
        | DataType::Dictionary(_, _)
        | DataType::RunEndEncoded(_, _)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(_, _) => Err(arrow.clone()),
    }
}

/// Writes one row as a field.
pub(super) fn write_field(
    array: &dyn Array,
    row: usize,
    buffer: &mut BytesMut,
) -> Result<(), ValueError> {
    if array.is_null(row) {
        buffer.extend_from_slice(&NULL);
        return Ok(());
    }
    sized(buffer, |buffer| {
        buffer.put_u8(VERSION);
        write_value(array, row, buffer)
    })
}

fn write_value(array: &dyn Array, row: usize, out: &mut BytesMut) -> Result<(), ValueError> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Boolean => plain(out, array.as_boolean().value(row)),
        DataType::Int8 => plain(out, array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => plain(out, array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => plain(out, array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => plain(out, array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => plain(out, array.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => plain(out, array.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => plain(out, array.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => plain(out, array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float16 => float(out, array.as_primitive::<Float16Type>().value(row).into()),
        DataType::Float32 => {
            // Through its own shortest form: widened, it would show digits it does not have.
            let value = array.as_primitive::<Float32Type>().value(row);
            if value.is_finite() { plain(out, value) } else { float(out, value.into()) }
        }
        DataType::Float64 => float(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal32(_, _) => decimal::<Decimal32Type>(array, row, out),
        DataType::Decimal64(_, _) => decimal::<Decimal64Type>(array, row, out),
        DataType::Decimal128(_, _) => decimal::<Decimal128Type>(array, row, out),
        DataType::Decimal256(_, _) => decimal::<Decimal256Type>(array, row, out),
        DataType::Utf8 => string(out, array.as_string::<i32>().value(row))?,
        DataType::LargeUtf8 => string(out, array.as_string::<i64>().value(row))?,
        DataType::Utf8View => string(out, array.as_string_view().value(row))?,
        DataType::Binary => hex(out, array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => hex(out, array.as_binary::<i64>().value(row)),
        DataType::BinaryView => hex(out, array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => hex(out, array.as_fixed_size_binary().value(row)),
        DataType::List(_) => write_list(array, row, array.as_list::<i32>().values(), out)?,
        DataType::LargeList(_) => write_list(array, row, array.as_list::<i64>().values(), out)?,
        DataType::FixedSizeList(_, _) => {
            write_list(array, row, array.as_fixed_size_list().values(), out)?;
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
                out.put_u8(if index == 0 { b'{' } else { b',' });
                string(out, field.name())?;
                out.put_u8(b':');
                write_value(column, row, out)?;
            }
            out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
        }
        DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        // The rest was refused by `check`, or is null.
        | DataType::Null
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Map(_, _)
        | DataType::Dictionary(_, _)
        | DataType::RunEndEncoded(_, _)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(_, _) => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array, &options)?;
            string(out, &formatter.value(row).try_to_string()?)?;
        }
    }
    Ok(())
}

fn write_list(
    array: &dyn Array,
    row: usize,
    items: &dyn Array,
    out: &mut BytesMut,
) -> Result<(), ValueError> {
    let (start, end) = list::bounds(array, row);
    out.put_u8(b'[');
    for item in start..end {
        if item > start {
            out.put_u8(b',');
        }
        write_value(items, item, out)?;
    }
    out.put_u8(b']');
    Ok(())
}

fn plain(out: &mut BytesMut, value: impl std::fmt::Display) {
    // Writing to a buffer that grows cannot fail.
    write!(out, "{value}").unwrap_or_default();
}

/// JSON has no number for these three, so they are strings.
fn float(out: &mut BytesMut, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if value.is_infinite() {
        let name: &[u8] = if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" };
        out.extend_from_slice(name);
    } else {
        plain(out, value);
    }
}

fn decimal<T: DecimalType>(array: &dyn Array, row: usize, out: &mut BytesMut)
where
    T::Native: ArrowNativeTypeOp,
{
    let array = array.as_primitive::<T>();
    if array.value(row).is_zero() {
        // With a negative scale it would be written with zeros before it.
        out.put_u8(b'0');
    } else {
        plain(out, array.value_as_string(row));
    }
}

fn string(out: &mut BytesMut, text: &str) -> Result<(), ValueError> {
    out.put_u8(b'"');
    for part in text.split_inclusive(|c: char| c < ' ' || c == '"' || c == '\\') {
        let mut chars = part.chars();
        match chars.next_back() {
            Some('\0') => return Err(ValueError::Nul),
            Some(special) if special < ' ' => {
                out.extend_from_slice(chars.as_str().as_bytes());
                plain(out, format_args!("\\u{:04x}", u32::from(special)));
            }
            Some(special @ ('"' | '\\')) => {
                out.extend_from_slice(chars.as_str().as_bytes());
                plain(out, format_args!("\\{special}"));
            }
            _ => out.extend_from_slice(part.as_bytes()),
        }
    }
    out.put_u8(b'"');
    Ok(())
}

fn hex(out: &mut BytesMut, bytes: &[u8]) {
    out.extend_from_slice(b"\"0x");
    bytes.iter().for_each(|byte| plain(out, format_args!("{byte:02x}")));
    out.put_u8(b'"');
}
