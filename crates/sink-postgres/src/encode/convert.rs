//! Conversions of whole columns to Arrow types whose values PostgreSQL has.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Int64Type, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampNanosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::DataType;

use super::{RowError, ValueError};

const NANOS_PER_MICRO: i64 = 1_000;
const MILLIS_PER_DAY: i64 = 86_400_000;

/// One conversion.
pub(super) enum Conversion {
    /// `UInt64` to `Int64`, refusing what does not fit.
    BlockNumber,
    /// Nanoseconds to microseconds, towards the past.
    TimestampMicros,
    /// Nanoseconds to microseconds.
    TimeMicros,
    /// Milliseconds to days.
    DateDays,
    /// To the same values in a plainer layout.
    Cast(DataType),
}

impl Conversion {
    pub(super) fn apply(
        &self,
        array: &ArrayRef,
        truncated: &mut u64,
    ) -> Result<ArrayRef, RowError> {
        Ok(match self {
            Self::BlockNumber => Arc::new(convert::<UInt64Type, Int64Type>(array, |number| {
                i64::try_from(number).map_err(|_| ValueError::BlockTooHigh(number))
            })?),
            Self::TimestampMicros => {
                *truncated += remainders::<TimestampNanosecondType>(array, NANOS_PER_MICRO);
                let micros = |nanos: i64| Ok(nanos.div_euclid(NANOS_PER_MICRO));
                Arc::new(convert::<TimestampNanosecondType, TimestampMicrosecondType>(
                    array, micros,
                )?)
            }
            Self::TimeMicros => {
                *truncated += remainders::<Time64NanosecondType>(array, NANOS_PER_MICRO);
                let micros = |nanos: i64| Ok(nanos.div_euclid(NANOS_PER_MICRO));
                Arc::new(convert::<Time64NanosecondType, Time64MicrosecondType>(array, micros)?)
            }
            Self::DateDays => {
                *truncated += remainders::<Date64Type>(array, MILLIS_PER_DAY);
                Arc::new(convert::<Date64Type, Date32Type>(array, |millis| {
                    i32::try_from(millis.div_euclid(MILLIS_PER_DAY))
                        .map_err(|_| ValueError::DateOutOfRange)
                })?)
            }
            Self::Cast(to) => {
                let error =
                    |source: arrow_schema::ArrowError| RowError { row: 0, source: source.into() };
                arrow_cast::cast(array, to).map_err(error)?
            }
        })
    }
}

fn convert<From: ArrowPrimitiveType, To: ArrowPrimitiveType>(
    array: &ArrayRef,
    value: impl Fn(From::Native) -> Result<To::Native, ValueError>,
) -> Result<PrimitiveArray<To>, RowError> {
    let array = array.as_primitive::<From>();
    array.try_unary(&value).map_err(|source| {
        let fails = |row: &usize| array.is_valid(*row) && value(array.value(*row)).is_err();
        RowError { row: (0..array.len()).find(fails).unwrap_or(0), source }
    })
}

/// How many values are not whole multiples of `unit`.
fn remainders<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, unit: i64) -> u64 {
    let values = array.as_primitive::<T>().iter().flatten();
    values.filter(|value| value % unit != 0).fold(0, |count, _| count + 1)
}
