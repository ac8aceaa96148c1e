//! Texts that are decimal numbers, as PostgreSQL's `numeric` reads them: digits with an optional
//! sign, point and exponent, and white space around.

use ampsync_schema::Digits;

use super::out::Out;
use super::values::NEGATIVE;

/// A number in its text.
pub(super) struct DecimalText<'a> {
    is_negative: bool,
    /// The digits before the point and behind it.
    whole: &'a [u8],
    fraction: &'a [u8],
    /// How many places the point has to be moved to the right.
    exponent: i64,
    /// The first and the last digit that is not zero, counted from the first of all.
    significant: Option<(usize, usize)>,
}

/// The most digits that a `numeric` has before the point, and behind it.
const WHOLE_MAX: i64 = 131_072;
const FRACTION_MAX: i64 = 16_383;

impl<'a> DecimalText<'a> {
    /// The number that is the text; `None` if it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let is_space = |byte: u8| matches!(byte, b' ' | b'\t'..=b'\r');
        let mut rest = text.as_bytes();
        while let [first, others @ ..] = rest
            && is_space(*first)
        {
            rest = others;
        }
        while let [others @ .., last] = rest
            && is_space(*last)
        {
            rest = others;
        }
        let is_negative = sign(&mut rest);
        let whole = digits(&mut rest);
        let fraction = match rest {
            [b'.', others @ ..] => {
                rest = others;
                digits(&mut rest)
            }
            _ => &[],
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', others @ ..] => {
                rest = others;
                let is_negative = sign(&mut rest);
                let digits = digits(&mut rest);
                let magnitude = digits.iter().fold(0_i64, |sum, digit| {
                    // So large an exponent is far beyond every range.
                    (sum * 10 + i64::from(digit - b'0')).min(1 << 40)
                });
                if digits.is_empty() || !rest.is_empty() {
                    return None;
                }
                if is_negative { -magnitude } else { magnitude }
            }
            _ => return None,
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let is_significant = |digit: &u8| *digit != b'0';
        let first = whole.iter().chain(fraction).position(is_significant);
        let last = fraction.iter().rposition(is_significant).map(|index| whole.len() + index);
        let last = last.or_else(|| whole.iter().rposition(is_significant));
        Some(Self { is_negative, whole, fraction, exponent, significant: first.zip(last) })
    }

    /// Where the point is, counted from the first digit.
    fn point(&self) -> i64 {
        count(self.whole.len()) + self.exponent
    }

    fn digit(&self, index: usize) -> u8 {
        let digit = match index.checked_sub(self.whole.len()) {
            Some(index) => self.fraction.get(index),
            None => self.whole.get(index),
        };
        digit.map_or(0, |digit| digit - b'0')
    }

    /// How many digits it needs before the point and behind it.
    fn needs(&self) -> (i64, i64) {
        match self.significant {
            Some((first, last)) => {
                let (before, after) = (self.point() - count(first), count(last) + 1 - self.point());
                (before.max(0), after.max(0))
            }
            None => (0, 0),
        }
    }

    /// How many digits behind the point it shows.
    fn scale(&self) -> i64 {
        (count(self.fraction.len()) - self.exponent).max(0)
    }

    /// Whether a `numeric` keeps it as it is.
    pub(super) fn fits(&self, digits: Option<Digits>) -> bool {
        let (before, after) = self.needs();
        match digits {
            Some(Digits { precision, scale }) => {
                before <= i64::from(precision) - i64::from(scale) && after <= i64::from(scale)
            }
            None => before <= WHOLE_MAX && self.scale() <= FRACTION_MAX,
        }
    }

    /// The number as a `bigint`, if it is one.
    pub(super) fn to_bigint(&self) -> Option<i64> {
        let Some((first, _)) = self.significant else { return Some(0) };
        let (before, after) = self.needs();
        if after > 0 || before > 19 {
            return None;
        }
        let digits = (first..).take(usize::try_from(before).ok()?);
        let magnitude = digits.fold(0, |sum, index| sum * 10 + i128::from(self.digit(index)));
        i64::try_from(if self.is_negative { -magnitude } else { magnitude }).ok()
    }

    /// Writes the field of a `numeric` that it [`fits`](Self::fits).
    pub(super) fn write_field(&self, digits: Option<Digits>, out: &mut Out) {
        let most = digits.map_or(FRACTION_MAX, |digits| digits.scale.into());
        let scale = u16::try_from(self.scale().min(most)).unwrap_or(0);
        let Some((first, last)) = self.significant else {
            return write_header(0, 0, 0, scale, out);
        };
        let power = |index: usize| (self.point() - 1 - count(index)).div_euclid(4);
        let (high, low) = (power(first), power(last));
        let sign = if self.is_negative { NEGATIVE } else { 0 };
        // It fits, so that all of them are far below the limits of their types.
        write_header(u16::try_from(high - low + 1).unwrap_or(0), high, sign, scale, out);
        for group in (low..=high).rev() {
            let start = self.point() - 4 - 4 * group;
            let value = (start..start + 4).fold(0_u16, |sum, index| {
                let index = usize::try_from(index).ok();
                sum * 10 + u16::from(index.map_or(0, |index| self.digit(index)))
            });
            out.put(value.to_be_bytes());
        }
    }
}

fn write_header(groups: u16, weight: i64, sign: u16, scale: u16, out: &mut Out) {
    out.put((8 + 2 * u32::from(groups)).to_be_bytes());
    out.put(groups.to_be_bytes());
    out.put(i16::try_from(weight).unwrap_or(0).to_be_bytes());
    out.put(sign.to_be_bytes());
    out.put(scale.to_be_bytes());
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Takes a sign, and says whether it is a minus.
fn sign(rest: &mut &[u8]) -> bool {
    let is_negative = rest.first() == Some(&b'-');
    if let [b'-' | b'+', others @ ..] = *rest {
        *rest = others;
    }
    is_negative
}

/// Takes all digits there are.
fn digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, others) = rest.split_at(end);
    *rest = others;
    digits
}
