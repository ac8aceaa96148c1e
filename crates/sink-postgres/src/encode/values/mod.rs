//! Reads Arrow values, whatever layout they have: one place that knows every Arrow type.
//!
//! An array is looked at once, when its reader is made; reading a value then allocates nothing.

mod indirect;
mod moment;
mod number;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{
    Array, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Float16Array,
    Float32Array, Float64Array, LargeBinaryArray, LargeListArray, LargeStringArray, ListArray,
    MapArray, StringArray, StringViewArray, StructArray,
};
use arrow_schema::{DataType, TimeUnit};

pub(super) use indirect::Indirect;
pub(super) use moment::{Clock, Moment, Moments};
pub(super) use number::{NEGATIVE, Numbers};

use super::value_error::{Unsupported, ValueError};

/// The values of an array.
pub(super) enum Values<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Number(Numbers<'a>),
    Float(Floats<'a>),
    Text(Texts<'a>),
    Bytes(Blobs<'a>),
    Moment(Moments<'a>),
    List(Lists<'a>, Box<Part<'a>>),
    Struct(&'a StructArray, Vec<(&'a str, Part<'a>)>),
    Map(&'a MapArray, Box<(Part<'a>, Part<'a>)>),
    /// Of a dictionary or of runs.
    Indirect(Indirect<'a>, Box<Values<'a>>),
}

/// The values inside of others.
pub(super) struct Part<'a> {
    pub(super) values: Values<'a>,
    /// Whether they may be null.
    pub(super) nullable: bool,
}

/// The type of the values that a dictionary or runs have, if it is of those.
pub(super) fn plain(ty: &DataType) -> &DataType {
    if let DataType::Dictionary(_, values) = ty {
        plain(values)
    } else if let DataType::RunEndEncoded(_, values) = ty {
        plain(values.data_type())
    } else {
        ty
    }
}

/// Whether values of the type are texts.
pub(super) fn is_text(ty: &DataType) -> bool {
    matches!(plain(ty), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Whether every value of the type can be read, and written as JSON.
pub(super) fn check(ty: &DataType) -> Result<(), Unsupported> {
    if let DataType::List(part)
    | DataType::LargeList(part)
    | DataType::FixedSizeList(part, _)
    | DataType::Map(part, _)
    | DataType::RunEndEncoded(_, part) = ty
    {
        return check(part.data_type());
    }
    if let DataType::Dictionary(_, values) = ty {
        return check(values);
    }
    if let DataType::Struct(fields) = ty {
        for (index, field) in fields.iter().enumerate() {
            if fields.iter().take(index).any(|before| before.name() == field.name()) {
                return Err(Unsupported::DoubledField(field.name().clone()));
            }
            if field.name().contains('\0') {
                return Err(Unsupported::NulInField(field.name().clone()));
            }
            check(field.data_type())?;
        }
    }
    let unknown = matches!(
        ty,
        DataType::Union(_, _)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Time32(TimeUnit::Microsecond | TimeUnit::Nanosecond)
            | DataType::Time64(TimeUnit::Second | TimeUnit::Millisecond)
    );
    if unknown { Err(Unsupported::Type(ty.clone())) } else { Ok(()) }
}

impl<'a> Values<'a> {
    /// The values of `array`, whose type has passed [`check`].
    pub(super) fn of(array: &'a dyn Array) -> Result<Self, ValueError> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean(array.as_boolean()),
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
            | DataType::Decimal256(_, _) => Self::Number(Numbers::of(array)?),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Self::Float(Floats::of(array)?)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::Text(Texts::of(array)?)
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes(Blobs::of(array)?),
            DataType::Date32
            | DataType::Date64
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(_, _)
            | DataType::Duration(_)
            | DataType::Interval(_) => Self::Moment(Moments::of(array)?),
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let lists = Lists::of(array)?;
                let part = Part::of(lists.items(), item.is_nullable())?;
                Self::List(lists, Box::new(part))
            }
            DataType::Struct(fields) => {
                let array = array.as_struct();
                let parts = fields.iter().zip(array.columns()).map(|(field, column)| {
                    Ok((field.name().as_str(), Part::of(column, field.is_nullable())?))
                });
                Self::Struct(array, parts.collect::<Result<_, ValueError>>()?)
            }
            DataType::Map(_, _) => {
                let array = array.as_map();
                let nullable =
                    array.entries().fields().get(1).is_none_or(|field| field.is_nullable());
                let parts = (Part::of(array.keys(), false)?, Part::of(array.values(), nullable)?);
                Self::Map(array, Box::new(parts))
            }
            DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _) => {
                let (indirect, values) = Indirect::of(array)?;
                Self::Indirect(indirect, Box::new(Self::of(values)?))
            }
            DataType::ListView(_) | DataType::LargeListView(_) | DataType::Union(_, _) => {
                return Err(unexpected(array));
            }
        })
    }

    /// Whether they are dates, times or spans.
    pub(super) fn is_moment(&self) -> bool {
        if let Self::Indirect(_, values) = self {
            values.is_moment()
        } else {
            matches!(self, Self::Moment(_))
        }
    }

    /// Whether they are texts.
    pub(super) fn is_text(&self) -> bool {
        if let Self::Indirect(_, values) = self {
            values.is_text()
        } else {
            matches!(self, Self::Text(_))
        }
    }

    /// The text of a row; `None` if it is null, or no text.
    pub(super) fn text(&self, row: usize) -> Option<&'a str> {
        if let Self::Indirect(indirect, values) = self {
            values.text(indirect.index(row)?)
        } else if let Self::Text(texts) = self {
            texts.get(row)
        } else {
            None
        }
    }
}

impl<'a> Part<'a> {
    fn of(array: &'a dyn Array, nullable: bool) -> Result<Self, ValueError> {
        Ok(Self { values: Values::of(array)?, nullable })
    }
}

pub(super) fn unexpected(array: &dyn Array) -> ValueError {
    ValueError::Unexpected(array.data_type().clone())
}

/// Texts in each of their layouts.
pub(super) enum Texts<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Result<Self, ValueError> {
        if let Some(array) = array.as_string_opt() {
            Ok(Self::Small(array))
        } else if let Some(array) = array.as_string_opt() {
            Ok(Self::Large(array))
        } else {
            array.as_string_view_opt().map(Self::View).ok_or_else(|| unexpected(array))
        }
    }

    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// Bytes in each of their layouts.
pub(super) enum Blobs<'a> {
    Small(&'a arrow_array::BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
}

impl<'a> Blobs<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Result<Self, ValueError> {
        if let Some(array) = array.as_binary_opt() {
            Ok(Self::Small(array))
        } else if let Some(array) = array.as_binary_opt() {
            Ok(Self::Large(array))
        } else if let Some(array) = array.as_binary_view_opt() {
            Ok(Self::View(array))
        } else {
            array.as_fixed_size_binary_opt().map(Self::Fixed).ok_or_else(|| unexpected(array))
        }
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Fixed(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// Numbers with a floating point. One of 16 bits is read as one of 32, which has its value.
pub(super) enum Floats<'a> {
    Half(&'a Float16Array),
    Single(&'a Float32Array),
    Double(&'a Float64Array),
}

/// One of them.
pub(super) enum Float {
    Single(f32),
    Double(f64),
}

impl<'a> Floats<'a> {
    fn of(array: &'a dyn Array) -> Result<Self, ValueError> {
        if let Some(array) = array.as_primitive_opt::<Float16Type>() {
            Ok(Self::Half(array))
        } else if let Some(array) = array.as_primitive_opt::<Float32Type>() {
            Ok(Self::Single(array))
        } else {
            let double = array.as_primitive_opt::<Float64Type>().map(Self::Double);
            double.ok_or_else(|| unexpected(array))
        }
    }

    pub(super) fn get(&self, row: usize) -> Option<Float> {
        Some(match self {
            Self::Half(array) if array.is_valid(row) => Float::Single(array.value(row).to_f32()),
            Self::Single(array) if array.is_valid(row) => Float::Single(array.value(row)),
            Self::Double(array) if array.is_valid(row) => Float::Double(array.value(row)),
            Self::Half(_) | Self::Single(_) | Self::Double(_) => return None,
        })
    }
}

/// Lists in each of their layouts.
pub(super) enum Lists<'a> {
    Small(&'a ListArray),
    Large(&'a LargeListArray),
    Fixed(&'a FixedSizeListArray),
}

impl<'a> Lists<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Result<Self, ValueError> {
        if let Some(array) = array.as_list_opt() {
            Ok(Self::Small(array))
        } else if let Some(array) = array.as_list_opt() {
            Ok(Self::Large(array))
        } else {
            array.as_fixed_size_list_opt().map(Self::Fixed).ok_or_else(|| unexpected(array))
        }
    }

    /// The items of all rows.
    pub(super) fn items(&self) -> &'a dyn Array {
        match self {
            Self::Small(array) => array.values(),
            Self::Large(array) => array.values(),
            Self::Fixed(array) => array.values(),
        }
    }

    /// Where the items of a row are among all; `None` if it is null.
    pub(super) fn bounds(&self, row: usize) -> Option<(usize, usize)> {
        match self {
            Self::Small(array) if array.is_valid(row) => {
                let offsets = array.value_offsets();
                Some((index(offsets[row].into()), index(offsets[row + 1].into())))
            }
            Self::Large(array) if array.is_valid(row) => {
                let offsets = array.value_offsets();
                Some((index(offsets[row]), index(offsets[row + 1])))
            }
            Self::Fixed(array) if array.is_valid(row) => {
                let start = index(array.value_offset(row).into());
                Some((start, start + index(array.value_length().into())))
            }
            Self::Small(_) | Self::Large(_) | Self::Fixed(_) => None,
        }
    }
}

/// An offset, which is never negative: Arrow's constructors see to it.
pub(super) fn index(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}
