use arrow_array::cast::AsArray;
use arrow_array::{Array, GenericStringArray, StringViewArray};
use arrow_schema::{ArrowError, DataType};
use bytes::{BufMut, BytesMut};

use super::{NULL, ValueError};

/// Writes text, which PostgreSQL refuses if it holds a NUL.
pub(super) enum TextWriter<'a> {
    Small(&'a GenericStringArray<i32>),
    Large(&'a GenericStringArray<i64>),
    View(&'a StringViewArray),
}

impl<'a> TextWriter<'a> {
    pub(super) fn new(array: &'a dyn Array) -> Result<Self, ValueError> {
        let data_type = array.data_type();
        if data_type == &DataType::Utf8 {
            Ok(Self::Small(array.as_string()))
        } else if data_type == &DataType::LargeUtf8 {
            Ok(Self::Large(array.as_string()))
        } else if let Some(array) = array.as_string_view_opt() {
            Ok(Self::View(array))
        } else {
            let message = format!("{data_type} is not text");
            Err(ArrowError::CastError(message).into())
        }
    }

    pub(super) fn size_hint(&self) -> usize {
        match self {
            Self::Small(array) => array.values().len() + 4 * array.len(),
            Self::Large(array) => array.values().len() + 4 * array.len(),
            Self::View(array) => array.total_buffer_bytes_used() + 16 * array.len(),
        }
    }

    pub(super) fn write(&self, row: usize, buffer: &mut BytesMut) -> Result<(), ValueError> {
        let (null, value) = match self {
            Self::Small(array) => (array.is_null(row), array.value(row)),
            Self::Large(array) => (array.is_null(row), array.value(row)),
            Self::View(array) => (array.is_null(row), array.value(row)),
        };
        if null {
            buffer.extend_from_slice(&NULL);
            return Ok(());
        }
        if value.as_bytes().contains(&0) {
            return Err(ValueError::Nul);
        }
        let length = i32::try_from(value.len()).map_err(|_| ValueError::TooLong(value.len()))?;
        buffer.put_i32(length);
        buffer.extend_from_slice(value.as_bytes());
        Ok(())
    }
}
