//! Decimals of 256 bits as PostgreSQL's binary `numeric`, which pgpq has only up to 128.

use arrow_array::Array;
use arrow_array::PrimitiveArray;
use arrow_array::types::Decimal256Type;
use arrow_buffer::i256;
use bytes::{BufMut, BytesMut};

use super::{NULL, ValueError};

/// Writes the rows of a `Decimal256` column.
pub(super) struct Decimal256Writer<'a> {
    array: &'a PrimitiveArray<Decimal256Type>,
    scale: i8,
}

impl<'a> Decimal256Writer<'a> {
    pub(super) fn new(array: &'a PrimitiveArray<Decimal256Type>) -> Self {
        Self { array, scale: array.scale() }
    }

    pub(super) fn size_hint(&self) -> usize {
        (12 + 2 * GROUPS_MAX) * self.array.len()
    }

    pub(super) fn write(&self, row: usize, buffer: &mut BytesMut) -> Result<(), ValueError> {
        if self.array.is_null(row) {
            buffer.extend_from_slice(&NULL);
            Ok(())
        } else {
            write_numeric(self.array.value(row), self.scale, buffer)
        }
    }
}

/// 2^255 has 77 digits, and those reach into at most this many groups of four.
const GROUPS_MAX: usize = 21;

const NEGATIVE: u16 = 0x4000;

/// Writes `value * 10^-scale`.
///
/// PostgreSQL keeps a number as groups of four decimal digits that are aligned at the point:
/// their count, the weight of the first one (its power of 10000), the sign, the digits shown after
/// the point, and the groups, without zeros at either end.
fn write_numeric(value: i256, scale: i8, buffer: &mut BytesMut) -> Result<(), ValueError> {
    let mut limbs = magnitude(value);
    let scale = i16::from(scale);
    // The lowest group takes fewer digits of the value if the point does not fall between two.
    let shift = (-scale).rem_euclid(4);
    let lowest_weight = (-scale - shift) / 4;
    let mut groups = [0_u16; GROUPS_MAX];
    let mut count = 0;
    let (mut divisor, mut factor) = match shift {
        0 => (10_000, 1),
        1 => (1_000, 10),
        2 => (100, 100),
        _ => (10, 1_000),
    };
    while limbs != [0; 8] {
        groups[count] = divide(&mut limbs, divisor) * factor;
        count += 1;
        (divisor, factor) = (10_000, 1);
    }
    let zeros = groups[..count].iter().take_while(|group| **group == 0).count();
    let digits = &groups[zeros..count];
    // Both are at most `GROUPS_MAX`.
    let length = i16::try_from(digits.len()).map_err(|_| ValueError::TooLong(count))?;
    let highest = i16::try_from(count).map_err(|_| ValueError::TooLong(count))?;
    let weight = if count == 0 { 0 } else { lowest_weight + highest - 1 };
    buffer.put_i32(8 + 2 * i32::from(length));
    buffer.put_i16(length);
    buffer.put_i16(weight);
    buffer.put_u16(if value.is_negative() { NEGATIVE } else { 0 });
    buffer.put_i16(scale.max(0));
    digits.iter().rev().for_each(|group| buffer.put_u16(*group));
    Ok(())
}

/// The absolute value, as 32-bit limbs, the highest first.
fn magnitude(value: i256) -> [u32; 8] {
    let bytes = value.to_be_bytes();
    let mut limbs = [0; 8];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *limb = u32::from_be_bytes(*bytes);
    }
    if value.is_negative() {
        // Two's complement: invert and add one.
        let mut carry = true;
        for limb in limbs.iter_mut().rev() {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
    }
    limbs
}

/// Divides in place and returns the remainder.
fn divide(limbs: &mut [u32; 8], divisor: u16) -> u16 {
    let divisor = u64::from(divisor);
    let mut remainder = 0;
    for limb in limbs {
        let part = (remainder << 32) | u64::from(*limb);
        // The remainder is below the divisor, so the quotient is below 2^32.
        *limb = u32::try_from(part / divisor).unwrap_or(u32::MAX);
        remainder = part % divisor;
    }
    u16::try_from(remainder).unwrap_or(u16::MAX)
}
