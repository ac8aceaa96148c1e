//! Random values of any type, with the corners of their ranges.

use std::sync::Arc;

use ampsync_schema::PgType;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{
    BooleanBuffer, IntervalDayTime, IntervalMonthDayNano, NullBuffer, OffsetBuffer, i256,
};
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use fastrand::Rng;

use super::texts;
use super::types::ColumnSpec;

/// Where the values are to be stored, which says how far they may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A column of the type that the values usually have.
    Column,
    BigInt,
    Numeric,
    /// A text that is JSON.
    JsonText,
    /// Inside of JSON.
    Json,
}

/// So many values of a column.
pub(crate) fn column(spec: &ColumnSpec, rows: usize) -> ArrayRef {
    let place = |pg: &PgType| match pg {
        PgType::BigInt => Place::BigInt,
        PgType::Numeric(_) => Place::Numeric,
        PgType::Jsonb if is_text(&spec.ty) => Place::JsonText,
        PgType::Jsonb => Place::Json,
        PgType::Text if plain(&spec.ty).is_nested() => Place::Json,
        _ => Place::Column,
    };
    let place = match spec.pg_type() {
        PgType::Array(item) => place(&item),
        pg => place(&pg),
    };
    let mut maker = Maker { random: Rng::with_seed(spec.seed), place, depth: 0 };
    // A slice, so that offsets are not all zero.
    let spare = maker.random.usize(..3);
    maker.array(&spec.ty, spec.nullable, rows + spare).slice(spare, rows)
}

fn plain(ty: &DataType) -> &DataType {
    match ty {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        ty => ty,
    }
}

fn is_text(ty: &DataType) -> bool {
    matches!(plain(ty), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

struct Maker {
    random: Rng,
    place: Place,
    depth: u32,
}

impl Maker {
    fn array(&mut self, ty: &DataType, nullable: bool, count: usize) -> ArrayRef {
        match ty {
            DataType::Null => Arc::new(NullArray::new(count)),
            DataType::Boolean => {
                let values = BooleanBuffer::from_iter((0..count).map(|_| self.random.bool()));
                Arc::new(BooleanArray::new(values, self.nulls(nullable, count)))
            }
            DataType::Utf8 => Arc::new(StringArray::from_iter(self.texts(nullable, count))),
            DataType::LargeUtf8 => {
                Arc::new(LargeStringArray::from_iter(self.texts(nullable, count)))
            }
            DataType::Utf8View => Arc::new(StringViewArray::from_iter(self.texts(nullable, count))),
            DataType::Binary => Arc::new(BinaryArray::from_iter(self.blobs(nullable, count))),
            DataType::LargeBinary => {
                Arc::new(LargeBinaryArray::from_iter(self.blobs(nullable, count)))
            }
            DataType::BinaryView => {
                Arc::new(BinaryViewArray::from_iter(self.blobs(nullable, count)))
            }
            DataType::FixedSizeBinary(size) => {
                let length = usize::try_from(*size).unwrap();
                let nulls = self.nulls(nullable, count);
                let bytes: Vec<u8> = (0..count * length).map(|_| self.random.u8(..)).collect();
                Arc::new(FixedSizeBinaryArray::new(*size, bytes.into(), nulls))
            }
            DataType::List(item) => {
                let (lengths, nulls) = self.lengths(nullable, count);
                let items = self.inside(item, lengths.iter().sum());
                let offsets = OffsetBuffer::from_lengths(lengths);
                Arc::new(ListArray::new(Arc::clone(item), offsets, items, nulls))
            }
            DataType::LargeList(item) => {
                let (lengths, nulls) = self.lengths(nullable, count);
                let items = self.inside(item, lengths.iter().sum());
                let offsets = OffsetBuffer::from_lengths(lengths);
                Arc::new(LargeListArray::new(Arc::clone(item), offsets, items, nulls))
            }
            DataType::FixedSizeList(item, size) => {
                let nulls = self.nulls(nullable, count);
                let items = self.inside(item, count * usize::try_from(*size).unwrap());
                Arc::new(FixedSizeListArray::new(Arc::clone(item), *size, items, nulls))
            }
            DataType::Struct(fields) => {
                let nulls = self.nulls(nullable, count);
                let columns: Vec<_> =
                    fields.iter().map(|field| self.inside(field, count)).collect();
                let array = StructArray::try_new_with_length(fields.clone(), columns, nulls, count);
                Arc::new(array.unwrap())
            }
            DataType::Map(entries, _) => self.map(entries, nullable, count),
            DataType::Dictionary(keys, values) => self.dictionary(keys, values, nullable, count),
            DataType::RunEndEncoded(ends, values) => {
                self.runs(ends.data_type(), values.data_type(), nullable, count)
            }
            ty => self.primitive(ty, nullable, count),
        }
    }

    fn inside(&mut self, field: &Field, count: usize) -> ArrayRef {
        self.depth += 1;
        let array = self.array(field.data_type(), field.is_nullable(), count);
        self.depth -= 1;
        array
    }

    fn nulls(&mut self, nullable: bool, count: usize) -> Option<NullBuffer> {
        let share = if nullable { [0, 3, 10][self.random.usize(..3)] } else { 0 };
        (share > 0).then(|| (0..count).map(|_| self.random.u8(..10) >= share).collect())
    }

    /// Lists of null have items too, which must not be seen.
    fn lengths(&mut self, nullable: bool, count: usize) -> (Vec<usize>, Option<NullBuffer>) {
        let most = if self.depth == 0 { 5 } else { 3 };
        let lengths = (0..count).map(|_| self.random.usize(..most)).collect();
        (lengths, self.nulls(nullable, count))
    }

    fn texts(&mut self, nullable: bool, count: usize) -> Vec<Option<String>> {
        let nulls = self.nulls(nullable, count);
        let is_valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        (0..count)
            .map(|row| {
                is_valid(row).then(|| match self.place {
                    Place::BigInt => texts::bigint(&mut self.random),
                    Place::Numeric => texts::number(&mut self.random),
                    Place::JsonText => texts::json(&mut self.random, 3),
                    Place::Column | Place::Json => texts::any(&mut self.random),
                })
            })
            .collect()
    }

    fn blobs(&mut self, nullable: bool, count: usize) -> Vec<Option<Vec<u8>>> {
        let nulls = self.nulls(nullable, count);
        let is_valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let blob = |random: &mut Rng| {
            let length = texts::length(random);
            let mut bytes = vec![0; length];
            random.fill(&mut bytes);
            bytes
        };
        (0..count).map(|row| is_valid(row).then(|| blob(&mut self.random))).collect()
    }

    fn map(&mut self, entries: &Arc<Field>, nullable: bool, count: usize) -> ArrayRef {
        let (lengths, nulls) = self.lengths(nullable, count);
        let total = lengths.iter().sum();
        let DataType::Struct(fields) = entries.data_type() else { panic!("a map of no entries") };
        let keys = if is_text(fields[0].data_type()) {
            // No two keys are equal.
            let texts =
                (0..total).map(|entry| format!("{}{entry}", texts::short(&mut self.random)));
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
            arrow_cast::cast(&texts, fields[0].data_type()).unwrap()
        } else {
            self.inside(&fields[0], total)
        };
        let values = self.inside(&fields[1], total);
        let entries_array = StructArray::new(fields.clone(), vec![keys, values], None);
        let offsets = OffsetBuffer::from_lengths(lengths);
        Arc::new(MapArray::new(Arc::clone(entries), offsets, entries_array, nulls, false))
    }

    fn dictionary(
        &mut self,
        keys: &DataType,
        values: &DataType,
        nullable: bool,
        count: usize,
    ) -> ArrayRef {
        // Nulls may be in the keys and in the values.
        let size = self.random.usize(1..6);
        let values = self.array(values, nullable, size);
        let nulls = self.nulls(nullable, count);
        let is_valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let indexes: Vec<Option<i32>> = (0..count)
            .map(|row| is_valid(row).then(|| i32::try_from(self.random.usize(..size)).unwrap()))
            .collect();
        macro_rules! keyed {
            ($key:ty) => {{
                let keys = indexes.into_iter().map(|key| key.map(|key| key.try_into().unwrap()));
                let keys = PrimitiveArray::<$key>::from_iter(keys);
                Arc::new(DictionaryArray::<$key>::try_new(keys, values).unwrap())
            }};
        }
        match keys {
            DataType::Int8 => keyed!(Int8Type),
            DataType::Int16 => keyed!(Int16Type),
            DataType::Int32 => keyed!(Int32Type),
            DataType::Int64 => keyed!(Int64Type),
            DataType::UInt8 => keyed!(UInt8Type),
            DataType::UInt16 => keyed!(UInt16Type),
            DataType::UInt32 => keyed!(UInt32Type),
            _ => keyed!(UInt64Type),
        }
    }

    fn runs(
        &mut self,
        ends: &DataType,
        values: &DataType,
        nullable: bool,
        count: usize,
    ) -> ArrayRef {
        let mut at = Vec::new();
        let mut end = 0;
        while end < count {
            end = (end + self.random.usize(1..5)).min(count);
            at.push(i16::try_from(end).unwrap());
        }
        let values = self.array(values, nullable, at.len());
        macro_rules! runs {
            ($end:ty) => {{
                let ends = at.into_iter().map(|end| end.into());
                let ends = PrimitiveArray::<$end>::from_iter_values(ends);
                Arc::new(RunArray::<$end>::try_new(&ends, &values).unwrap())
            }};
        }
        match ends {
            DataType::Int16 => runs!(Int16Type),
            DataType::Int32 => runs!(Int32Type),
            _ => runs!(Int64Type),
        }
    }

    fn make<T: ArrowPrimitiveType>(
        &mut self,
        ty: &DataType,
        nullable: bool,
        count: usize,
        value: impl Fn(&mut Rng) -> T::Native,
    ) -> ArrayRef {
        let values: Vec<_> = (0..count).map(|_| value(&mut self.random)).collect();
        let nulls = self.nulls(nullable, count);
        Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(ty.clone()))
    }

    #[expect(clippy::too_many_lines, reason = "one line for each type")]
    fn primitive(&mut self, ty: &DataType, nullable: bool, count: usize) -> ArrayRef {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        let is_bigint = self.place == Place::BigInt;
        macro_rules! make {
            ($ty:ty, $value:expr) => {
                self.make::<$ty>(ty, nullable, count, $value)
            };
        }
        macro_rules! corners {
            ($ty:ty, $native:ident) => {
                make!($ty, |random| match random.u8(..6) {
                    0 => $native::MIN,
                    1 => $native::MAX,
                    2 => 0,
                    3 => $native::MAX >> random.u32(..$native::BITS),
                    _ => random.$native(..),
                })
            };
        }
        match ty {
            DataType::Int8 => corners!(Int8Type, i8),
            DataType::Int16 => corners!(Int16Type, i16),
            DataType::Int32 => corners!(Int32Type, i32),
            DataType::Int64 => corners!(Int64Type, i64),
            DataType::UInt8 => corners!(UInt8Type, u8),
            DataType::UInt16 => corners!(UInt16Type, u16),
            DataType::UInt32 => corners!(UInt32Type, u32),
            DataType::UInt64 if is_bigint => {
                make!(UInt64Type, |random| random.u64(..1 << 63) >> random.u8(..63))
            }
            DataType::UInt64 => corners!(UInt64Type, u64),
            DataType::Float16 => {
                make!(Float16Type, |random| {
                    <Float16Type as ArrowPrimitiveType>::Native::from_bits(random.u16(..))
                })
            }
            DataType::Float32 => make!(Float32Type, |random| match random.u8(..8) {
                0 => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, f32::MIN_POSITIVE]
                    [random.usize(..5)],
                _ => f32::from_bits(random.u32(..)),
            }),
            DataType::Float64 => make!(Float64Type, |random| match random.u8(..8) {
                0 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE]
                    [random.usize(..5)],
                _ => f64::from_bits(random.u64(..)),
            }),
            DataType::Decimal32(p, s) => {
                make!(Decimal32Type, |random| i32::try_from(
                    decimal(random, *p, *s, is_bigint).as_i128()
                )
                .unwrap())
            }
            DataType::Decimal64(p, s) => {
                make!(Decimal64Type, |random| i64::try_from(
                    decimal(random, *p, *s, is_bigint).as_i128()
                )
                .unwrap())
            }
            DataType::Decimal128(p, s) => {
                make!(Decimal128Type, |random| decimal(random, *p, *s, is_bigint).as_i128())
            }
            DataType::Decimal256(p, s) => {
                make!(Decimal256Type, |random| decimal(random, *p, *s, is_bigint))
            }
            DataType::Interval(IntervalUnit::YearMonth) => corners!(IntervalYearMonthType, i32),
            DataType::Interval(IntervalUnit::DayTime) => make!(IntervalDayTimeType, |random| {
                IntervalDayTime::new(int(random), int(random))
            }),
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                make!(IntervalMonthDayNanoType, |random| {
                    let nanos = long(random, i64::MIN, i64::MAX);
                    IntervalMonthDayNano::new(int(random), int(random), nanos)
                })
            }
            DataType::Time32(unit) => {
                let day = if *unit == Second { 86_400 } else { 86_400_000 };
                match unit {
                    Second => make!(Time32SecondType, |random| random.i32(0..=day)),
                    _ => make!(Time32MillisecondType, |random| random.i32(0..=day)),
                }
            }
            DataType::Time64(Microsecond) => {
                make!(Time64MicrosecondType, |random| long(random, 0, 86_400_000_000))
            }
            DataType::Time64(_) => {
                make!(Time64NanosecondType, |random| long(random, 0, 86_400_000_000_000))
            }
            ty => {
                let (low, high) =
                    if self.place == Place::Json { (i64::MIN, i64::MAX) } else { range(ty) };
                match ty {
                    DataType::Date32 => make!(Date32Type, |random| {
                        let low = low.max(i32::MIN.into());
                        i32::try_from(long(random, low, high.min(i32::MAX.into()))).unwrap()
                    }),
                    DataType::Date64 => make!(Date64Type, |random| long(random, low, high)),
                    DataType::Timestamp(Second, _) => {
                        make!(TimestampSecondType, |random| long(random, low, high))
                    }
                    DataType::Timestamp(Millisecond, _) => {
                        make!(TimestampMillisecondType, |random| long(random, low, high))
                    }
                    DataType::Timestamp(Microsecond, _) => {
                        make!(TimestampMicrosecondType, |random| long(random, low, high))
                    }
                    DataType::Timestamp(Nanosecond, _) => {
                        make!(TimestampNanosecondType, |random| long(random, low, high))
                    }
                    DataType::Duration(Second) => {
                        make!(DurationSecondType, |random| long(random, low, high))
                    }
                    DataType::Duration(Millisecond) => {
                        make!(DurationMillisecondType, |random| long(random, low, high))
                    }
                    DataType::Duration(Microsecond) => {
                        make!(DurationMicrosecondType, |random| long(random, low, high))
                    }
                    DataType::Duration(Nanosecond) => {
                        make!(DurationNanosecondType, |random| long(random, low, high))
                    }
                    ty => panic!("no values of {ty}"),
                }
            }
        }
    }
}

/// The values that PostgreSQL has, of the types that can be beyond them.
fn range(ty: &DataType) -> (i64, i64) {
    const FIRST_SECOND: i64 = -210_866_803_200;
    const LAST_SECOND: i64 = 9_224_318_015_999;
    match ty {
        DataType::Date32 => (-2_440_588, 2_145_042_905),
        DataType::Date64 => (-2_440_588 * 86_400_000, 2_145_042_906 * 86_400_000 - 1),
        DataType::Timestamp(TimeUnit::Second, _) => (FIRST_SECOND, LAST_SECOND),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            (FIRST_SECOND * 1_000, LAST_SECOND * 1_000 + 999)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => (FIRST_SECOND * 1_000_000, i64::MAX),
        DataType::Duration(TimeUnit::Second) => (i64::MIN / 1_000_000, i64::MAX / 1_000_000),
        DataType::Duration(TimeUnit::Millisecond) => (i64::MIN / 1_000, i64::MAX / 1_000),
        _ => (i64::MIN, i64::MAX),
    }
}

fn long(random: &mut Rng, low: i64, high: i64) -> i64 {
    match random.u8(..8) {
        0 => low,
        1 => high,
        2 => 0.clamp(low, high),
        3 => (high >> random.u8(..63)).clamp(low, high),
        4 => (low >> random.u8(..63)).clamp(low, high),
        _ => random.i64(low..=high),
    }
}

fn int(random: &mut Rng) -> i32 {
    match random.u8(..5) {
        0 => i32::MIN,
        1 => i32::MAX,
        2 => 0,
        3 => random.i32(-40..40),
        _ => random.i32(..),
    }
}

/// A decimal of so many digits; for a `bigint` one that is whole, and not too large.
fn decimal(random: &mut Rng, precision: u8, scale: i8, is_bigint: bool) -> i256 {
    let power = |exponent: u32| i256::from(10).wrapping_pow(exponent);
    let whole = i32::from(precision) - i32::from(scale);
    if is_bigint {
        if whole < 1 {
            return i256::ZERO;
        }
        let digits = u32::try_from(whole.min(18)).unwrap();
        let value = i256::from(random.i64(..)).wrapping_rem(power(digits));
        let unit = power(u32::from(scale.unsigned_abs()));
        return if scale > 0 { value.wrapping_mul(unit) } else { value.wrapping_div(unit) };
    }
    let limit = power(precision.into());
    match random.u8(..6) {
        0 => limit - i256::ONE,
        1 => i256::ONE - limit,
        2 => i256::ZERO,
        _ => {
            let value = i256::from_parts(random.u128(..), random.i128(..)) >> random.u8(..255);
            value.wrapping_rem(limit)
        }
    }
}
