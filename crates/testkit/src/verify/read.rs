use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
    RunEndIndexType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RunArray};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::value::Value;

/// A type of which no value can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value of Arrow type {0} can be read")]
pub struct Unreadable(pub DataType);

/// Reads one value.
pub(super) fn value(array: &ArrayRef, row: usize) -> Result<Value, Unreadable> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => number::<Int8Type>(array, row),
        DataType::Int16 => number::<Int16Type>(array, row),
        DataType::Int32 => number::<Int32Type>(array, row),
        DataType::Int64 => number::<Int64Type>(array, row),
        DataType::UInt8 => number::<UInt8Type>(array, row),
        DataType::UInt16 => number::<UInt16Type>(array, row),
        DataType::UInt32 => number::<UInt32Type>(array, row),
        DataType::UInt64 => number::<UInt64Type>(array, row),
        DataType::Float16 => Value::Float32(native::<Float16Type>(array, row).to_f32()),
        DataType::Float32 => Value::Float32(native::<Float32Type>(array, row)),
        DataType::Float64 => Value::Float64(native::<Float64Type>(array, row)),
        DataType::Decimal32(_, scale) => decimal::<Decimal32Type>(array, row, *scale),
        DataType::Decimal64(_, scale) => decimal::<Decimal64Type>(array, row, *scale),
        DataType::Decimal128(_, scale) => decimal::<Decimal128Type>(array, row, *scale),
        DataType::Decimal256(_, scale) => decimal::<Decimal256Type>(array, row, *scale),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row).to_owned()),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).to_owned()),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row).to_owned()),
        DataType::BinaryView => Value::Bytes(array.as_binary_view().value(row).to_owned()),
        DataType::FixedSizeBinary(_) => {
            Value::Bytes(array.as_fixed_size_binary().value(row).to_owned())
        }
        DataType::Date32 => Value::Date(native::<Date32Type>(array, row).into()),
        DataType::Date64 => Value::Date(native::<Date64Type>(array, row).div_euclid(86_400_000)),
        DataType::Time32(TimeUnit::Second) => {
            Value::Time(i64::from(native::<Time32SecondType>(array, row)) * 1_000_000_000)
        }
        DataType::Time32(_) => {
            Value::Time(i64::from(native::<Time32MillisecondType>(array, row)) * 1_000_000)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            Value::Time(native::<Time64NanosecondType>(array, row))
        }
        DataType::Time64(_) => Value::Time(native::<Time64MicrosecondType>(array, row) * 1_000),
        DataType::Timestamp(unit, zone) => {
            Value::Timestamp(timestamp(array, row, *unit), zone.is_some())
        }
        DataType::Duration(unit) => {
            Value::Interval { months: 0, days: 0, nanos: duration(array, row, *unit) }
        }
        DataType::Interval(unit) => interval(array, row, *unit),
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(_, _) => list(&array.as_fixed_size_list().value(row))?,
        DataType::Struct(_) => object(array, row)?,
        DataType::Map(_, _) => map(array, row)?,
        DataType::Dictionary(_, _) => dictionary(array, row)?,
        DataType::RunEndEncoded(_, _) => run(array, row)?,
        unreadable @ (DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(_, _)) => return Err(Unreadable(unreadable.clone())),
    })
}

fn native<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Value
where
    T::Native: ToString,
{
    Value::Number(native::<T>(array, row).to_string())
}

fn decimal<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize, scale: i8) -> Value
where
    T::Native: ToString,
{
    let unscaled = native::<T>(array, row).to_string();
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled.as_str()),
    };
    let places = usize::from(scale.unsigned_abs());
    if scale == 0 || (scale < 0 && digits == "0") {
        return Value::Number(unscaled);
    }
    if scale < 0 {
        return Value::Number(format!("{sign}{digits}{}", "0".repeat(places)));
    }
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    Value::Number(format!("{sign}{whole}.{fraction}"))
}

fn timestamp(array: &ArrayRef, row: usize, unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => i128::from(native::<TimestampSecondType>(array, row)) * 1_000_000_000,
        TimeUnit::Millisecond => {
            i128::from(native::<TimestampMillisecondType>(array, row)) * 1_000_000
        }
        TimeUnit::Microsecond => i128::from(native::<TimestampMicrosecondType>(array, row)) * 1_000,
        TimeUnit::Nanosecond => native::<TimestampNanosecondType>(array, row).into(),
    }
}

fn duration(array: &ArrayRef, row: usize, unit: TimeUnit) -> i128 {
    let (count, nanos) = match unit {
        TimeUnit::Second => (native::<DurationSecondType>(array, row), 1_000_000_000),
        TimeUnit::Millisecond => (native::<DurationMillisecondType>(array, row), 1_000_000),
        TimeUnit::Microsecond => (native::<DurationMicrosecondType>(array, row), 1_000),
        TimeUnit::Nanosecond => (native::<DurationNanosecondType>(array, row), 1),
    };
    i128::from(count) * nanos
}

fn interval(array: &ArrayRef, row: usize, unit: IntervalUnit) -> Value {
    match unit {
        IntervalUnit::YearMonth => {
            let months = native::<IntervalYearMonthType>(array, row).into();
            Value::Interval { months, days: 0, nanos: 0 }
        }
        IntervalUnit::DayTime => {
            let it = native::<IntervalDayTimeType>(array, row);
            let nanos = i128::from(it.milliseconds) * 1_000_000;
            Value::Interval { months: 0, days: it.days.into(), nanos }
        }
        IntervalUnit::MonthDayNano => {
            let it = native::<IntervalMonthDayNanoType>(array, row);
            let nanos = it.nanoseconds.into();
            Value::Interval { months: it.months.into(), days: it.days.into(), nanos }
        }
    }
}

fn list(items: &ArrayRef) -> Result<Value, Unreadable> {
    (0..items.len()).map(|index| value(items, index)).collect::<Result<_, _>>().map(Value::List)
}

fn object(array: &ArrayRef, row: usize) -> Result<Value, Unreadable> {
    let array = array.as_struct();
    let fields = array.fields().iter().zip(array.columns());
    fields
        .map(|(field, column)| Ok((field.name().clone(), value(column, row)?)))
        .collect::<Result<_, _>>()
        .map(Value::Object)
}

/// A map whose keys are texts is an object, any other a list of its entries.
fn map(array: &ArrayRef, row: usize) -> Result<Value, Unreadable> {
    let entries = array.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let entries = (0..entries.len()).map(|index| Ok((value(keys, index)?, value(values, index)?)));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    if is_text(keys.data_type()) {
        let entry = |(key, value)| {
            let key = if let Value::Text(key) = key { key } else { format!("{key:?}") };
            (key, value)
        };
        return Ok(Value::Object(entries.into_iter().map(entry).collect()));
    }
    let entry =
        |(key, value)| Value::Object(vec![("key".to_owned(), key), ("value".to_owned(), value)]);
    Ok(Value::List(entries.into_iter().map(entry).collect()))
}

fn is_text(ty: &DataType) -> bool {
    if let DataType::Dictionary(_, values) = ty {
        is_text(values)
    } else if let DataType::RunEndEncoded(_, values) = ty {
        is_text(values.data_type())
    } else {
        matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
    }
}

fn dictionary(array: &ArrayRef, row: usize) -> Result<Value, Unreadable> {
    let dictionary = array.as_any_dictionary();
    match dictionary.normalized_keys().get(row) {
        Some(key) => value(dictionary.values(), *key),
        None => Ok(Value::Null),
    }
}

fn run(array: &ArrayRef, row: usize) -> Result<Value, Unreadable> {
    let (values, index) = run_of::<Int16Type>(array, row)
        .or_else(|| run_of::<Int32Type>(array, row))
        .or_else(|| run_of::<Int64Type>(array, row))
        .ok_or_else(|| Unreadable(array.data_type().clone()))?;
    value(values, index)
}

fn run_of<E: RunEndIndexType>(array: &ArrayRef, row: usize) -> Option<(&ArrayRef, usize)> {
    let array = array.as_any().downcast_ref::<RunArray<E>>()?;
    Some((array.values(), array.get_physical_index(row)))
}
