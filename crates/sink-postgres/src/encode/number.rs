//! Numbers, and texts that are numbers, in columns that hold numbers.

use ampsync_schema::{Digits, PgType};
use arrow_array::Array;
use bytes::BytesMut;

use super::decimal_text::DecimalText;
use super::out::Out;
use super::value_error::{ValueError, shown};
use super::values::{Numbers, Texts};
use crate::options::ValuePolicy;

/// A column that holds numbers. Those that it cannot hold as they are do not fit: none is ever
/// rounded.
#[derive(Clone, Copy)]
pub(super) enum NumberColumn {
    BigInt,
    Numeric(Option<Digits>),
    /// `text`, of plain digits.
    Text,
}

impl NumberColumn {
    fn does_not_fit(self, value: String) -> ValueError {
        let ty = match self {
            Self::BigInt => PgType::BigInt,
            Self::Numeric(digits) => PgType::Numeric(digits),
            Self::Text => PgType::Text,
        };
        ValueError::OutOfRange { value, ty: ty.to_string() }
    }
}

/// Writes whole numbers and decimals.
pub(super) struct NumberWriter<'a> {
    numbers: Numbers<'a>,
    column: NumberColumn,
}

impl<'a> NumberWriter<'a> {
    pub(super) fn new(array: &'a dyn Array, column: NumberColumn) -> Result<Self, ValueError> {
        Ok(Self { numbers: Numbers::of(array)?, column })
    }

    #[inline]
    pub(super) fn write(&self, row: usize, out: &mut Out) -> Result<(), ValueError> {
        if let NumberColumn::BigInt = self.column {
            return match self.numbers.get_bigint(row) {
                Some(Some(number)) => {
                    write_bigint(number, out);
                    Ok(())
                }
                Some(None) => Err(self.does_not_fit(row)),
                None => {
                    out.null();
                    Ok(())
                }
            };
        }
        let Some(number) = self.numbers.get(row) else {
            out.null();
            return Ok(());
        };
        match self.column {
            NumberColumn::Numeric(Some(digits)) if !number.fits(digits) => {
                return Err(self.does_not_fit(row));
            }
            NumberColumn::Text => {
                return out.sized(|out| {
                    number.write_text(out);
                    Ok(())
                });
            }
            NumberColumn::Numeric(_) | NumberColumn::BigInt => number.write_field(out),
        }
        Ok(())
    }

    fn does_not_fit(&self, row: usize) -> ValueError {
        let mut out = Out::new(BytesMut::new(), ValuePolicy::default());
        if let Some(number) = self.numbers.get(row) {
            number.write_text(&mut out);
        }
        self.column.does_not_fit(String::from_utf8_lossy(&out.buffer).into_owned())
    }
}

/// Writes texts that are numbers.
pub(super) struct NumberText<'a> {
    texts: Texts<'a>,
    column: NumberColumn,
}

impl<'a> NumberText<'a> {
    pub(super) fn new(array: &'a dyn Array, column: NumberColumn) -> Result<Self, ValueError> {
        Ok(Self { texts: Texts::of(array)?, column })
    }

    pub(super) fn write(&self, row: usize, out: &mut Out) -> Result<(), ValueError> {
        let Some(text) = self.texts.get(row) else {
            out.null();
            return Ok(());
        };
        let number = DecimalText::parse(text)
            .ok_or_else(|| ValueError::NotANumber { value: shown(text) })?;
        let does_not_fit = || self.column.does_not_fit(shown(text));
        match self.column {
            NumberColumn::BigInt => {
                write_bigint(number.to_bigint().ok_or_else(does_not_fit)?, out);
            }
            NumberColumn::Numeric(digits) if number.fits(digits) => number.write_field(digits, out),
            NumberColumn::Numeric(_) | NumberColumn::Text => return Err(does_not_fit()),
        }
        Ok(())
    }
}

fn write_bigint(number: i64, out: &mut Out) {
    let mut field = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    field[4..].copy_from_slice(&number.to_be_bytes());
    out.put(field);
}
