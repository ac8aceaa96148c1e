use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, DictionaryArray, PrimitiveArray, RunArray};
use arrow_buffer::ArrowNativeType;

use super::unexpected;
use crate::encode::value_error::ValueError;

/// Where the values of a dictionary or of runs are.
pub(in crate::encode) enum Indirect<'a> {
    KeysI8(&'a PrimitiveArray<Int8Type>),
    KeysI16(&'a PrimitiveArray<Int16Type>),
    KeysI32(&'a PrimitiveArray<Int32Type>),
    KeysI64(&'a PrimitiveArray<Int64Type>),
    KeysU8(&'a PrimitiveArray<UInt8Type>),
    KeysU16(&'a PrimitiveArray<UInt16Type>),
    KeysU32(&'a PrimitiveArray<UInt32Type>),
    KeysU64(&'a PrimitiveArray<UInt64Type>),
    Runs16(&'a RunArray<Int16Type>),
    Runs32(&'a RunArray<Int32Type>),
    Runs64(&'a RunArray<Int64Type>),
}

/// A dictionary's keys and values.
fn keyed<K: ArrowDictionaryKeyType>(array: &dyn Array) -> Option<(&PrimitiveArray<K>, &dyn Array)> {
    let array: &DictionaryArray<K> = array.as_dictionary_opt()?;
    Some((array.keys(), array.values().as_ref()))
}

fn runs<E: RunEndIndexType>(array: &dyn Array) -> Option<(&RunArray<E>, &dyn Array)> {
    let array: &RunArray<E> = array.as_any().downcast_ref()?;
    Some((array, array.values().as_ref()))
}

impl<'a> Indirect<'a> {
    /// The way to the values of a dictionary or of runs, and these.
    pub(in crate::encode) fn of(array: &'a dyn Array) -> Result<(Self, &'a dyn Array), ValueError> {
        let keys = || {
            keyed(array)
                .map(|(keys, values)| (Self::KeysI32(keys), values))
                .or_else(|| keyed(array).map(|(keys, values)| (Self::KeysI8(keys), values)))
                .or_else(|| keyed(array).map(|(keys, values)| (Self::KeysI16(keys), values)))
                .or_else(|| keyed(array).map(|(keys, values)| (Self::KeysI64(keys), values)))
                .or_else(|| keyed(array).map(|(keys, values)| (Self::KeysU8(keys), values)))
                .or_else(|| keyed(array).map(|(keys, values)| (Self::KeysU16(keys), values)))
                .or_else(|| keyed(array).map(|(keys, values)| (Self::KeysU32(keys), values)))
                .or_else(|| keyed(array).map(|(keys, values)| (Self::KeysU64(keys), values)))
        };
        let ends = || {
            runs(array)
                .map(|(runs, values)| (Self::Runs32(runs), values))
                .or_else(|| runs(array).map(|(runs, values)| (Self::Runs16(runs), values)))
                .or_else(|| runs(array).map(|(runs, values)| (Self::Runs64(runs), values)))
        };
        keys().or_else(ends).ok_or_else(|| unexpected(array))
    }

    /// Where the value of a row is; `None` if it is null.
    pub(in crate::encode) fn index(&self, row: usize) -> Option<usize> {
        match self {
            Self::KeysI8(keys) => key(keys, row),
            Self::KeysI16(keys) => key(keys, row),
            Self::KeysI32(keys) => key(keys, row),
            Self::KeysI64(keys) => key(keys, row),
            Self::KeysU8(keys) => key(keys, row),
            Self::KeysU16(keys) => key(keys, row),
            Self::KeysU32(keys) => key(keys, row),
            Self::KeysU64(keys) => key(keys, row),
            Self::Runs16(runs) => Some(runs.get_physical_index(row)),
            Self::Runs32(runs) => Some(runs.get_physical_index(row)),
            Self::Runs64(runs) => Some(runs.get_physical_index(row)),
        }
    }
}

fn key<K: ArrowDictionaryKeyType>(keys: &PrimitiveArray<K>, row: usize) -> Option<usize> {
    keys.is_valid(row).then(|| keys.value(row).as_usize())
}
