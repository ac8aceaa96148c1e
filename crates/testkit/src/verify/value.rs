/// A value between the two worlds: read from Arrow, and to be written as PostgreSQL writes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// An exact number in plain decimal digits, as many behind the point as its type has.
    Number(String),
    Float32(f32),
    Float64(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Nanoseconds since midnight.
    Time(i64),
    /// Nanoseconds since 1970-01-01, and whether they are an instant.
    Timestamp(i128, bool),
    Interval {
        months: i64,
        days: i64,
        nanos: i128,
    },
    List(Vec<Value>),
    /// Names and values in any order.
    Object(Vec<(String, Value)>),
}

/// Drops the zeros that end the fraction of a plain decimal number.
pub(super) fn plain(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A decimal number with or without sign, point and exponent, in plain digits; `None` if the text is
/// something else.
pub(super) fn decimal(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i64::try_from(whole.len()).ok()? + exponent;
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let length = i64::try_from(digits.len()).ok()?;
    let padded = format!("{}{digits}{}", zeros(1 - point), zeros(point - length));
    let (whole, fraction) = padded.split_at(usize::try_from(point.max(1)).ok()?);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let number = format!("{whole}.{fraction}");
    let number = plain(&number);
    Some(if number == "0" { number.to_owned() } else { format!("{sign}{number}") })
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn a_decimal_text_has_one_plain_form() {
        for (text, plain) in [
            ("0", "0"),
            ("-0.00", "0"),
            (" +007.50\n", "7.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("12e3", "12000"),
            ("-1.25E-3", "-0.00125"),
            ("1.25e1", "12.5"),
            ("0e99", "0"),
        ] {
            assert_eq!(decimal(text).as_deref(), Some(plain), "{text}");
        }
        for text in ["", ".", "-", "1e", "0x1", "NaN", "1 2", "1_0"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
