//! Nested values as JSON: numbers with all their digits, bytes as `0x` and hexadecimal digits,
//! times as ISO 8601.

mod check;
mod text;

use std::borrow::Cow;
use std::fmt::Write;

pub(super) use check::write_checked;
use text::write_string;

use super::out::Out;
use super::value_error::{ValueError, shown};
use super::values::{Float, Part, Values, index};
use arrow_array::{Array, MapArray};

/// The version of JSONB's binary form, which is otherwise the JSON text.
pub(super) const VERSION: u8 = 1;

/// The largest text, and the largest value, that JSONB holds.
pub(super) const BYTES_MAX: usize = 0x0fff_ffff;

/// Writes one value, without any white space.
pub(super) fn write(values: &Values<'_>, row: usize, out: &mut Out) -> Result<(), ValueError> {
    let written = match values {
        Values::Null => None,
        Values::Boolean(array) => array.is_valid(row).then(|| {
            out.bytes(if array.value(row) { b"true" } else { b"false" });
        }),
        Values::Number(numbers) => numbers.get(row).map(|number| number.write_text(out)),
        Values::Float(floats) => floats.get(row).map(|float| match float {
            Float::Single(value) if value.is_finite() => display(out, value),
            Float::Single(value) => write_special(value.into(), out),
            Float::Double(value) if value.is_finite() => display(out, value),
            Float::Double(value) => write_special(value, out),
        }),
        Values::Text(texts) => match texts.get(row) {
            Some(text) => Some(write_string(text, out)?),
            None => None,
        },
        Values::Bytes(blobs) => blobs.get(row).map(|bytes| {
            out.put(*b"\"");
            write_hex(bytes, out);
            out.put(*b"\"");
        }),
        Values::Moment(moments) => match moments.get(row) {
            Some(moment) => {
                out.put(*b"\"");
                moment.write_iso(out)?;
                out.put(*b"\"");
                Some(())
            }
            None => None,
        },
        Values::List(lists, items) => match lists.bounds(row) {
            Some(bounds) => Some(write_list(bounds, items, out)?),
            None => None,
        },
        Values::Struct(array, fields) if array.is_valid(row) => {
            Some(write_struct(fields, row, out)?)
        }
        Values::Struct(_, _) => None,
        Values::Map(array, parts) if array.is_valid(row) => {
            let entries = bounds(array, row);
            let (keys, values) = &**parts;
            if keys.values.is_text() {
                write_object(entries, keys, values, out)?;
            } else {
                write_pairs(entries, keys, values, out)?;
            }
            Some(())
        }
        Values::Map(_, _) => None,
        Values::Indirect(indirect, values) => match indirect.index(row) {
            Some(row) => return write(values, row, out),
            None => None,
        },
    };
    if written.is_none() {
        out.put(*b"null");
    }
    Ok(())
}

/// Writes a value that is inside of another. A value out of range may become null alone, but
/// nothing that holds others does because of one of them.
fn write_part(part: &Part<'_>, row: usize, out: &mut Out) -> Result<(), ValueError> {
    let nullable = part.nullable && part.values.is_moment();
    out.or_null(nullable, b"null", |out| write(&part.values, row, out))
}

fn write_list(
    (start, end): (usize, usize),
    items: &Part<'_>,
    out: &mut Out,
) -> Result<(), ValueError> {
    out.put(*b"[");
    for item in start..end {
        if item > start {
            out.put(*b",");
        }
        write_part(items, item, out)?;
    }
    out.put(*b"]");
    Ok(())
}

fn write_struct(fields: &[(&str, Part<'_>)], row: usize, out: &mut Out) -> Result<(), ValueError> {
    for (index, (name, field)) in fields.iter().enumerate() {
        out.put(if index == 0 { *b"{" } else { *b"," });
        write_string(name, out)?;
        out.put(*b":");
        write_part(field, row, out)?;
    }
    out.bytes(if fields.is_empty() { b"{}" } else { b"}" });
    Ok(())
}

fn bounds(array: &MapArray, row: usize) -> (usize, usize) {
    let offsets = array.value_offsets();
    (index(offsets[row].into()), index(offsets[row + 1].into()))
}

/// A map whose keys are texts.
fn write_object(
    (start, end): (usize, usize),
    keys: &Part<'_>,
    values: &Part<'_>,
    out: &mut Out,
) -> Result<(), ValueError> {
    check_keys((start, end), keys, out)?;
    out.put(*b"{");
    for entry in start..end {
        if entry > start {
            out.put(*b",");
        }
        write_string(keys.values.text(entry).ok_or(ValueError::NullKey)?, out)?;
        out.put(*b":");
        write_part(values, entry, out)?;
    }
    out.put(*b"}");
    Ok(())
}

/// A map with any other keys: a list of its entries, so that it has one shape whatever they are.
fn write_pairs(
    (start, end): (usize, usize),
    keys: &Part<'_>,
    values: &Part<'_>,
    out: &mut Out,
) -> Result<(), ValueError> {
    out.put(*b"[");
    for entry in start..end {
        if entry > start {
            out.put(*b",");
        }
        out.bytes(b"{\"key\":");
        write_part(keys, entry, out)?;
        out.bytes(b",\"value\":");
        write_part(values, entry, out)?;
        out.put(*b"}");
    }
    out.put(*b"]");
    Ok(())
}

/// JSONB keeps one of two equal keys, so that there must not be two.
fn check_keys((start, end): (usize, usize), keys: &Part<'_>, out: &Out) -> Result<(), ValueError> {
    /// Up to so many keys, comparing each with each is faster than sorting them.
    const FEW: usize = 16;
    let strips = out.strips_nul();
    let doubled = |key: &str| Err(ValueError::DoubledKey { key: shown(key) });
    let key = |entry: usize| {
        keys.values.text(entry).map(|key| match strips && key.contains('\0') {
            true => Cow::Owned(key.replace('\0', "")),
            false => Cow::Borrowed(key),
        })
    };
    if end - start <= FEW {
        for entry in start..end {
            if let Some(text) = key(entry)
                && (start..entry).any(|before| key(before).is_some_and(|other| other == text))
            {
                return doubled(&text);
            }
        }
        return Ok(());
    }
    let mut sorted: Vec<_> = (start..end).filter_map(key).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => doubled(&pair[0]),
        None => Ok(()),
    }
}

fn display(out: &mut Out, value: impl std::fmt::Display) {
    // Writing to a buffer that grows cannot fail.
    write!(out.buffer, "{value}").unwrap_or_default();
}

/// JSON has no number for these three, so they are strings.
fn write_special(value: f64, out: &mut Out) {
    out.bytes(if value.is_nan() {
        b"\"NaN\""
    } else if value > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    });
}

/// Writes `0x` and two digits for each byte.
pub(super) fn write_hex(bytes: &[u8], out: &mut Out) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    /// How many bytes are written at a time.
    const PIECE: usize = 32;
    out.put(*b"0x");
    for piece in bytes.chunks(PIECE) {
        let mut text = [0; 2 * PIECE];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(piece) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        out.bytes(&text[..2 * piece.len()]);
    }
}
