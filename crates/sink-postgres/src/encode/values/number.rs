use ampsync_schema::Digits;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int8Type,
    Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, PrimitiveArray};
use arrow_buffer::i256;
use arrow_schema::DataType;

use super::unexpected;
use crate::encode::out::Out;
use crate::encode::value_error::ValueError;

/// Whole numbers and decimals, with their scale.
pub(in crate::encode) enum Numbers<'a> {
    I8(&'a PrimitiveArray<Int8Type>),
    I16(&'a PrimitiveArray<Int16Type>),
    I32(&'a PrimitiveArray<Int32Type>),
    I64(&'a PrimitiveArray<Int64Type>),
    U8(&'a PrimitiveArray<UInt8Type>),
    U16(&'a PrimitiveArray<UInt16Type>),
    U32(&'a PrimitiveArray<UInt32Type>),
    U64(&'a PrimitiveArray<UInt64Type>),
    D32(&'a PrimitiveArray<Decimal32Type>, i8),
    D64(&'a PrimitiveArray<Decimal64Type>, i8),
    D128(&'a PrimitiveArray<Decimal128Type>, i8),
    D256(&'a PrimitiveArray<Decimal256Type>, i8),
}

/// A value before it is taken apart.
enum Raw {
    Small(i64),
    Wide(i128),
    Wider(i256),
}

fn raw<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    row: usize,
    raw: impl FnOnce(T::Native) -> Raw,
) -> Option<Raw> {
    array.is_valid(row).then(|| raw(array.value(row)))
}

fn small(value: impl Into<i64>) -> Raw {
    Raw::Small(value.into())
}

fn wide(value: impl Into<i128>) -> Raw {
    Raw::Wide(value.into())
}

impl<'a> Numbers<'a> {
    pub(in crate::encode) fn of(array: &'a dyn Array) -> Result<Self, ValueError> {
        fn typed<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<&PrimitiveArray<T>> {
            array.as_primitive_opt()
        }
        let mut scale = 0;
        if let DataType::Decimal32(_, its)
        | DataType::Decimal64(_, its)
        | DataType::Decimal128(_, its)
        | DataType::Decimal256(_, its) = array.data_type()
        {
            scale = *its;
        }
        typed(array)
            .map(Self::U64)
            .or_else(|| typed(array).map(Self::I64))
            .or_else(|| typed(array).map(Self::I32))
            .or_else(|| typed(array).map(Self::I16))
            .or_else(|| typed(array).map(Self::I8))
            .or_else(|| typed(array).map(Self::U32))
            .or_else(|| typed(array).map(Self::U16))
            .or_else(|| typed(array).map(Self::U8))
            .or_else(|| typed(array).map(|array| Self::D32(array, scale)))
            .or_else(|| typed(array).map(|array| Self::D64(array, scale)))
            .or_else(|| typed(array).map(|array| Self::D128(array, scale)))
            .or_else(|| typed(array).map(|array| Self::D256(array, scale)))
            .ok_or_else(|| unexpected(array))
    }

    fn raw(&self, row: usize) -> Option<Raw> {
        match self {
            Self::I8(array) => raw(array, row, small),
            Self::I16(array) => raw(array, row, small),
            Self::I32(array) => raw(array, row, small),
            Self::I64(array) => raw(array, row, small),
            Self::U8(array) => raw(array, row, small),
            Self::U16(array) => raw(array, row, small),
            Self::U32(array) => raw(array, row, small),
            Self::U64(array) => raw(array, row, wide),
            Self::D32(array, _) => raw(array, row, small),
            Self::D64(array, _) => raw(array, row, small),
            Self::D128(array, _) => raw(array, row, wide),
            Self::D256(array, _) => raw(array, row, Raw::Wider),
        }
    }

    fn scale(&self) -> i8 {
        match self {
            Self::D32(_, scale)
            | Self::D64(_, scale)
            | Self::D128(_, scale)
            | Self::D256(_, scale) => *scale,
            Self::I8(_)
            | Self::I16(_)
            | Self::I32(_)
            | Self::I64(_)
            | Self::U8(_)
            | Self::U16(_)
            | Self::U32(_)
            | Self::U64(_) => 0,
        }
    }

    /// The number of a row; `None` if it is null.
    pub(in crate::encode) fn get(&self, row: usize) -> Option<Number> {
        let raw = self.raw(row)?;
        Some(Number::new(&raw, self.scale()))
    }

    /// The same as a `bigint`, if it is one: outside is null, inside is one that does not fit.
    #[inline]
    pub(in crate::encode) fn get_bigint(&self, row: usize) -> Option<Option<i64>> {
        // Block numbers: every row has some.
        if let Self::U64(array) = self {
            return array.is_valid(row).then(|| i64::try_from(array.value(row)).ok());
        }
        let raw = self.raw(row)?;
        Some(match raw {
            Raw::Small(value) if self.scale() == 0 => Some(value),
            Raw::Wide(value) if self.scale() == 0 => i64::try_from(value).ok(),
            Raw::Small(_) | Raw::Wide(_) | Raw::Wider(_) => {
                Number::new(&raw, self.scale()).to_bigint()
            }
        })
    }
}

/// 2^255, shifted by three digits, has 80 digits.
const GROUPS_MAX: usize = 20;

/// An exact decimal number, as PostgreSQL keeps it: groups of four digits that are aligned at the
/// point.
pub(in crate::encode) struct Number {
    is_negative: bool,
    /// The groups, the lowest first; the highest is not zero, and neither is the lowest.
    groups: [u16; GROUPS_MAX],
    count: usize,
    /// The power of 10,000 that the lowest group counts.
    low: i32,
    /// The digits shown after the point.
    scale: u8,
}

impl Number {
    /// `value * 10^-scale`.
    fn new(value: &Raw, scale: i8) -> Self {
        let exponent = -i32::from(scale);
        // The lowest group may have fewer digits of the value than four.
        let shift = exponent.rem_euclid(4);
        let mut number = Self {
            is_negative: false,
            groups: [0; GROUPS_MAX],
            count: 0,
            low: (exponent - shift) / 4,
            scale: scale.max(0).unsigned_abs(),
        };
        let factor: u16 = match shift {
            0 => 1,
            1 => 10,
            2 => 100,
            _ => 1_000,
        };
        match *value {
            Raw::Small(value) => {
                number.is_negative = value < 0;
                match value.unsigned_abs().checked_mul(factor.into()) {
                    Some(magnitude) => number.split(magnitude),
                    None => number.split_limbs(limbs(value.unsigned_abs().into(), 0), factor),
                }
            }
            Raw::Wide(value) => {
                number.is_negative = value < 0;
                let magnitude = value.unsigned_abs();
                match u64::try_from(magnitude).ok().and_then(|low| low.checked_mul(factor.into())) {
                    Some(magnitude) => number.split(magnitude),
                    None => number.split_limbs(limbs(magnitude, 0), factor),
                }
            }
            Raw::Wider(value) => {
                number.is_negative = value.is_negative();
                // The smallest number is its own negative, whose bits are its magnitude's.
                let magnitude = if number.is_negative { value.wrapping_neg() } else { value };
                let (low, high) = magnitude.to_parts();
                number.split_limbs(limbs(low, high.cast_unsigned()), factor);
            }
        }
        let zeros = number.groups.iter().take(number.count).take_while(|group| **group == 0);
        let zeros = zeros.count();
        number.groups.copy_within(zeros..number.count, 0);
        number.count -= zeros;
        number.low += i32::try_from(zeros).unwrap_or(0);
        number
    }

    fn push(&mut self, group: u64) {
        if let Some(place) = self.groups.get_mut(self.count) {
            // A remainder of a division by 10,000.
            *place = u16::try_from(group).unwrap_or(u16::MAX);
            self.count += 1;
        }
    }

    fn split(&mut self, mut magnitude: u64) {
        while magnitude > 0 {
            self.push(magnitude % 10_000);
            magnitude /= 10_000;
        }
    }

    /// Divides by the same number again and again, eight digits at a time.
    fn split_limbs(&mut self, mut limbs: [u32; 9], factor: u16) {
        const EIGHT_DIGITS: u64 = 100_000_000;
        let mut carry = 0;
        for limb in limbs.iter_mut().rev() {
            let part = u64::from(*limb) * u64::from(factor) + carry;
            *limb = low_half(part);
            carry = part >> 32;
        }
        let mut rest = limbs.as_mut_slice();
        loop {
            let zeros = rest.iter().take_while(|limb| **limb == 0).count();
            rest = &mut rest[zeros..];
            if rest.is_empty() {
                break;
            }
            let mut remainder = 0;
            for limb in rest.iter_mut() {
                let part = (remainder << 32) | u64::from(*limb);
                *limb = low_half(part / EIGHT_DIGITS);
                remainder = part % EIGHT_DIGITS;
            }
            self.push(remainder % 10_000);
            self.push(remainder / 10_000);
        }
        while self.count > 0 && self.groups[self.count - 1] == 0 {
            self.count -= 1;
        }
    }

    /// The power of 10,000 that the highest group counts.
    fn high(&self) -> i32 {
        self.low + i32::try_from(self.count).unwrap_or(0) - 1
    }

    /// The group that counts this power of 10,000.
    fn group(&self, power: i32) -> u16 {
        let index = usize::try_from(power - self.low).ok().filter(|index| *index < self.count);
        index.map_or(0, |index| self.groups[index])
    }

    /// Whether a `numeric` of so many digits keeps it as it is.
    pub(in crate::encode) fn fits(&self, digits: Digits) -> bool {
        let (Some(lowest), Some(highest)) =
            (self.groups.first(), self.groups.get(self.count.wrapping_sub(1)))
        else {
            return true;
        };
        let in_highest = 4 - leading_zeros(*highest);
        let before = 4 * self.high() + i32::from(in_highest);
        let after = -4 * self.low - i32::from(trailing_zeros(*lowest));
        let scale = i32::from(digits.scale);
        before <= i32::from(digits.precision) - scale && after <= scale
    }

    /// The number as a `bigint`, if it is one.
    fn to_bigint(&self) -> Option<i64> {
        if self.count == 0 {
            return Some(0);
        }
        if self.low < 0 || self.high() > 4 {
            return None;
        }
        let all = (0..=self.high()).rev();
        let magnitude = all.fold(0_i128, |sum, power| sum * 10_000 + i128::from(self.group(power)));
        i64::try_from(if self.is_negative { -magnitude } else { magnitude }).ok()
    }

    /// Writes PostgreSQL's binary `numeric`, with its length: how many groups there are, the
    /// power that the highest counts, the sign, the digits shown after the point, the groups.
    pub(in crate::encode) fn write_field(&self, out: &mut Out) {
        let mut field = [0; 12 + 2 * GROUPS_MAX];
        let count = u16::try_from(self.count).unwrap_or(0);
        let weight = if self.count == 0 { 0 } else { self.high() };
        field[..4].copy_from_slice(&(8 + 2 * u32::from(count)).to_be_bytes());
        field[4..6].copy_from_slice(&count.to_be_bytes());
        field[6..8].copy_from_slice(&i16::try_from(weight).unwrap_or(0).to_be_bytes());
        field[8..10].copy_from_slice(&if self.is_negative { NEGATIVE } else { 0 }.to_be_bytes());
        field[10..12].copy_from_slice(&u16::from(self.scale).to_be_bytes());
        let groups = self.groups[..self.count].iter().rev();
        for (place, group) in field[12..].as_chunks_mut::<2>().0.iter_mut().zip(groups) {
            *place = group.to_be_bytes();
        }
        out.bytes(&field[..12 + 2 * self.count]);
    }

    /// Writes it in plain digits, as many after the point as its scale says.
    pub(in crate::encode) fn write_text(&self, out: &mut Out) {
        if self.is_negative {
            out.put(*b"-");
        }
        let high = if self.count == 0 { 0 } else { self.high().max(0) };
        let first = digits(self.group(high));
        let zeros = first.iter().take(3).take_while(|digit| **digit == b'0').count();
        out.bytes(&first[zeros..]);
        (0..high).rev().for_each(|power| out.put(digits(self.group(power))));
        let mut left = usize::from(self.scale);
        if left > 0 {
            out.put(*b".");
        }
        let mut power = -1;
        while left > 0 {
            let digits = digits(self.group(power));
            out.bytes(&digits[..left.min(4)]);
            left = left.saturating_sub(4);
            power -= 1;
        }
    }
}

/// The sign of a negative `numeric`.
pub(in crate::encode) const NEGATIVE: u16 = 0x4000;

/// The lower half of a number of which only that is left.
fn low_half(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

/// A number of 256 bits in parts of 32, the highest first, below one that is zero.
fn limbs(low: u128, high: u128) -> [u32; 9] {
    let mut limbs = [0; 9];
    let bytes = [high.to_be_bytes(), low.to_be_bytes()];
    for (limb, bytes) in limbs[1..].iter_mut().zip(bytes.as_flattened().as_chunks().0) {
        *limb = u32::from_be_bytes(*bytes);
    }
    limbs
}

fn trailing_zeros(group: u16) -> u8 {
    match group {
        group if group % 10 != 0 => 0,
        group if group % 100 != 0 => 1,
        group if group % 1_000 != 0 => 2,
        _ => 3,
    }
}

/// The zeros with which a group of four digits begins.
fn leading_zeros(group: u16) -> u8 {
    match group {
        0..10 => 3,
        10..100 => 2,
        100..1_000 => 1,
        _ => 0,
    }
}

fn digits(group: u16) -> [u8; 4] {
    let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
    [digit(group / 1_000), digit(group / 100), digit(group / 10), digit(group)]
}
