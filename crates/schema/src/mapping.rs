use arrow_schema::{DataType, Field};

use crate::options::ColumnType;
use crate::pg_type::{Digits, PgType};

/// An Arrow type that no PostgreSQL column can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Arrow type {0} has no PostgreSQL type")]
pub struct UnsupportedType(pub DataType);

/// A type that was chosen for a column which cannot hold its values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Arrow type {arrow} cannot become {chosen}; it can become {}", list(possible))]
pub struct WrongChoice {
    /// The type of the values.
    pub arrow: DataType,
    /// The type that was chosen.
    pub chosen: ColumnType,
    /// The types that can be chosen, the nearest first; perhaps none.
    pub possible: Vec<ColumnType>,
}

/// The names whose `UInt64` is a block number: it fits a `bigint`, unlike any other.
const BLOCK_NUMBERS: [&str; 2] = ["_block_num", "block_num"];

impl PgType {
    /// The type of the column that holds `field`'s values.
    ///
    /// # Errors
    /// When there is none.
    pub fn of_field(field: &Field) -> Result<Self, UnsupportedType> {
        if field.data_type() == &DataType::UInt64 && BLOCK_NUMBERS.contains(&field.name().as_str())
        {
            return Ok(Self::BigInt);
        }
        Self::of(field.data_type())
    }

    /// The type of the column that holds values of the Arrow type `arrow`, when `chosen` was
    /// asked for.
    ///
    /// # Errors
    /// When it cannot hold them.
    pub fn chosen(arrow: &DataType, chosen: ColumnType) -> Result<Self, WrongChoice> {
        let possible = possible(arrow);
        if !possible
            .iter()
            .any(|other| std::mem::discriminant(other) == std::mem::discriminant(&chosen))
        {
            return Err(WrongChoice { arrow: arrow.clone(), chosen, possible });
        }
        let scalar = match chosen {
            ColumnType::BigInt => Self::BigInt,
            ColumnType::Numeric(digits) => Self::Numeric(digits),
            ColumnType::Text | ColumnType::Hex => Self::Text,
            ColumnType::Jsonb => return Ok(Self::Jsonb),
        };
        let is_array = matches!(Self::of(arrow), Ok(Self::Array(_)));
        Ok(if is_array { Self::Array(Box::new(scalar)) } else { scalar })
    }

    /// The type that holds values of the Arrow type `arrow`.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(arrow: &DataType) -> Result<Self, UnsupportedType> {
        Ok(match arrow {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Integer,
            DataType::Int64 | DataType::UInt32 => Self::BigInt,
            DataType::UInt64 => Self::Numeric(Some(Digits { precision: 20, scale: 0 })),
            DataType::Float16 | DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => numeric(*precision, *scale),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
                Self::Text
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytea,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, Some(_)) => Self::TimestampTz,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Duration(_) | DataType::Interval(_) => Self::Interval,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let item = Self::of(item.data_type())?;
                // PostgreSQL has no arrays of arrays of different lengths.
                let nested = matches!(item, Self::Jsonb | Self::Array(_));
                if nested { Self::Jsonb } else { Self::Array(Box::new(item)) }
            }
            DataType::Struct(fields) => {
                fields.iter().try_for_each(|field| Self::of(field.data_type()).map(drop))?;
                Self::Jsonb
            }
            DataType::Map(entries, _) => {
                Self::of(entries.data_type())?;
                Self::Jsonb
            }
            DataType::Dictionary(_, values) => Self::of(values)?,
            DataType::RunEndEncoded(_, values) => Self::of(values.data_type())?,
            DataType::ListView(_) | DataType::LargeListView(_) | DataType::Union(_, _) => {
                return Err(UnsupportedType(arrow.clone()));
            }
        })
    }
}

/// What may be chosen for values of an Arrow type.
fn possible(arrow: &DataType) -> Vec<ColumnType> {
    use ColumnType::{BigInt, Hex, Jsonb, Numeric, Text};
    match arrow {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => vec![BigInt, Numeric(None), Text],
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            vec![Numeric(None), Jsonb, BigInt, Text]
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => vec![Hex],
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            match PgType::of(item.data_type()) {
                Ok(PgType::Jsonb | PgType::Array(_)) => vec![Jsonb, Text],
                Ok(_) => {
                    let items = possible(item.data_type());
                    let items = items.into_iter().filter(|choice| *choice != Jsonb);
                    std::iter::once(Jsonb).chain(items).collect()
                }
                Err(_) => Vec::new(),
            }
        }
        DataType::Struct(_) | DataType::Map(_, _) => vec![Jsonb, Text],
        DataType::Dictionary(_, values) => possible(values),
        DataType::RunEndEncoded(_, values) => possible(values.data_type()),
        DataType::Null
        | DataType::Boolean
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(_, _) => Vec::new(),
    }
}

fn list(possible: &[ColumnType]) -> String {
    if possible.is_empty() {
        return "nothing else".to_owned();
    }
    possible.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A negative scale stands for zeros before the point, a scale above the precision for zeros
/// after it: both become digits, which every version of PostgreSQL can declare.
fn numeric(precision: u8, scale: i8) -> PgType {
    let precision = u16::from(precision);
    let digits = u16::from(scale.unsigned_abs());
    PgType::Numeric(Some(if scale < 0 {
        Digits { precision: precision + digits, scale: 0 }
    } else {
        Digits { precision: precision.max(digits), scale: digits }
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{IntervalUnit, TimeUnit, UnionFields, UnionMode};

    use super::*;

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    fn record() -> DataType {
        DataType::Struct(vec![Field::new("a", DataType::UInt64, true)].into())
    }

    #[test]
    fn every_type_has_the_column_the_documentation_says() {
        let entries = Arc::new(Field::new("entries", record(), false));
        let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
        let values = Arc::new(Field::new("values", DataType::Utf8View, true));
        let item = Arc::new(Field::new("item", DataType::Int8, true));
        let text = Box::new(DataType::Utf8);
        for (arrow, sql) in [
            (DataType::Null, "text"),
            (DataType::Boolean, "boolean"),
            (DataType::Int8, "smallint"),
            (DataType::Int16, "smallint"),
            (DataType::UInt8, "smallint"),
            (DataType::Int32, "integer"),
            (DataType::UInt16, "integer"),
            (DataType::Int64, "bigint"),
            (DataType::UInt32, "bigint"),
            (DataType::UInt64, "numeric(20,0)"),
            (DataType::Float16, "real"),
            (DataType::Float32, "real"),
            (DataType::Float64, "double precision"),
            (DataType::Decimal32(9, 2), "numeric(9,2)"),
            (DataType::Decimal64(18, 18), "numeric(18,18)"),
            (DataType::Decimal128(38, 0), "numeric(38,0)"),
            (DataType::Decimal128(5, -3), "numeric(8,0)"),
            (DataType::Decimal128(2, 5), "numeric(5,5)"),
            (DataType::Decimal256(76, 76), "numeric(76,76)"),
            (DataType::Utf8, "text"),
            (DataType::LargeUtf8, "text"),
            (DataType::Utf8View, "text"),
            (DataType::Binary, "bytea"),
            (DataType::LargeBinary, "bytea"),
            (DataType::BinaryView, "bytea"),
            (DataType::FixedSizeBinary(32), "bytea"),
            (DataType::Date32, "date"),
            (DataType::Date64, "date"),
            (DataType::Time32(TimeUnit::Second), "time without time zone"),
            (DataType::Time64(TimeUnit::Nanosecond), "time without time zone"),
            (DataType::Timestamp(TimeUnit::Second, None), "timestamp without time zone"),
            (
                DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into())),
                "timestamp with time zone",
            ),
            (DataType::Duration(TimeUnit::Second), "interval"),
            (DataType::Interval(IntervalUnit::MonthDayNano), "interval"),
            (list(DataType::FixedSizeBinary(32)), "bytea[]"),
            (list(DataType::UInt64), "numeric(20,0)[]"),
            (DataType::LargeList(Arc::clone(&item)), "smallint[]"),
            (DataType::FixedSizeList(item, 3), "smallint[]"),
            (list(list(DataType::Int8)), "jsonb"),
            (list(record()), "jsonb"),
            (record(), "jsonb"),
            (DataType::Map(entries, false), "jsonb"),
            (DataType::Dictionary(Box::new(DataType::Int8), text), "text"),
            (DataType::RunEndEncoded(ends, values), "text"),
        ] {
            assert_eq!(PgType::of(&arrow).unwrap().to_string(), sql, "{arrow}");
        }
    }

    #[test]
    fn only_a_block_number_is_a_bigint_among_the_wide_unsigned_integers() {
        for (name, sql) in
            [("_block_num", "bigint"), ("block_num", "bigint"), ("nonce", "numeric(20,0)")]
        {
            let field = Field::new(name, DataType::UInt64, false);
            assert_eq!(PgType::of_field(&field).unwrap().to_string(), sql);
        }
    }

    #[test]
    fn a_type_without_a_column_is_refused_however_deep_it_sits() {
        let union = DataType::Union(UnionFields::empty(), UnionMode::Sparse);
        let inside = DataType::Struct(vec![Field::new("deep", list(union.clone()), true)].into());
        for arrow in [union.clone(), list(union.clone()), inside] {
            assert_eq!(PgType::of(&arrow), Err(UnsupportedType(union.clone())));
        }
    }
}
