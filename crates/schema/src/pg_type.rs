use std::fmt;
use std::str::FromStr;

/// The PostgreSQL type of a column. [`Display`](fmt::Display) writes it as PostgreSQL's own
/// `format_type` does, which is valid SQL as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PgType {
    /// `boolean`
    Boolean,
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `numeric(precision, scale)`, or `numeric`, which holds any number of digits.
    Numeric(Option<Digits>),
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `text`
    Text,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time without time zone`
    Time,
    /// `timestamp without time zone`
    Timestamp,
    /// `timestamp with time zone`
    TimestampTz,
    /// `interval`
    Interval,
    /// `jsonb`
    Jsonb,
    /// An array of a scalar type.
    Array(Box<PgType>),
}

/// How many digits a `numeric` holds. [`Display`](fmt::Display) writes `(precision,scale)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digits {
    /// Digits in all, at least one and at most 1,000.
    pub precision: u16,
    /// Digits after the point; never negative, which PostgreSQL knows only since version 15.
    pub scale: u16,
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.precision, self.scale)
    }
}

/// A text that is no pair of digits that PostgreSQL could declare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not (precision,scale) with a precision of 1 to 1000 and a scale up to it")]
pub struct InvalidDigits(pub String);

impl FromStr for Digits {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, InvalidDigits> {
        let parse = || {
            let inside = text.trim().strip_prefix('(')?.strip_suffix(')')?;
            let (precision, scale) = inside.split_once(',').unwrap_or((inside, "0"));
            Some(Self {
                precision: precision.trim().parse().ok()?,
                scale: scale.trim().parse().ok()?,
            })
        };
        parse()
            .filter(|digits| (1..=1_000).contains(&digits.precision))
            .filter(|digits| digits.scale <= digits.precision)
            .ok_or_else(|| InvalidDigits(text.to_owned()))
    }
}

impl fmt::Display for PgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Numeric(None) => "numeric",
            Self::Numeric(Some(digits)) => return write!(f, "numeric{digits}"),
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Text => "text",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::TimestampTz => "timestamp with time zone",
            Self::Interval => "interval",
            Self::Jsonb => "jsonb",
            Self::Array(item) => return write!(f, "{item}[]"),
        })
    }
}

impl PgType {
    /// The type that `format_type` calls `text`, if it is one of these. Fewer fractional digits of
    /// a second than microseconds are another type.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(item) = text.strip_suffix("[]") {
            return Some(Self::Array(Box::new(Self::parse(item)?)));
        }
        let plain = text.replacen("(6)", "", 1);
        let scalars = [
            Self::Boolean,
            Self::SmallInt,
            Self::Integer,
            Self::BigInt,
            Self::Numeric(None),
            Self::Real,
            Self::Double,
            Self::Text,
            Self::Bytea,
            Self::Date,
            Self::Time,
            Self::Timestamp,
            Self::TimestampTz,
            Self::Interval,
            Self::Jsonb,
        ];
        let numeric = || Some(Self::Numeric(Some(plain.strip_prefix("numeric")?.parse().ok()?)));
        scalars.into_iter().find(|scalar| scalar.to_string() == plain).or_else(numeric)
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self,
            Self::SmallInt
                | Self::Integer
                | Self::BigInt
                | Self::Numeric(_)
                | Self::Real
                | Self::Double
        )
    }

    /// Whether a column whose type PostgreSQL calls `found` stores every value of this type
    /// unchanged and reads the same binary form.
    #[must_use]
    pub fn fits(&self, found: &str) -> bool {
        if Self::parse(found).as_ref() == Some(self) {
            return true;
        }
        match self {
            Self::Numeric(digits) => numeric_fits(*digits, found),
            Self::Text => found == "character varying",
            // The binary form of an array names its items' type, which must be the very same.
            Self::Array(item) => match (&**item, found.strip_suffix("[]")) {
                (Self::Numeric(digits), Some(found)) => numeric_fits(*digits, found),
                _ => false,
            },
            Self::Boolean
            | Self::SmallInt
            | Self::Integer
            | Self::BigInt
            | Self::Real
            | Self::Double
            | Self::Bytea
            | Self::Date
            | Self::Time
            | Self::Timestamp
            | Self::TimestampTz
            | Self::Interval
            | Self::Jsonb => false,
        }
    }
}

fn numeric_fits(wanted: Option<Digits>, found: &str) -> bool {
    if found == "numeric" {
        return true;
    }
    let parse = || {
        let (p, s) = found.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
        Some((p.parse::<i32>().ok()?, s.parse::<i32>().ok()?))
    };
    let (Some(wanted), Some((p, s))) = (wanted, parse()) else { return false };
    let (precision, scale) = (i32::from(wanted.precision), i32::from(wanted.scale));
    s >= scale && p - s >= precision - scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_numeric_fits_and_a_narrower_one_does_not() {
        let wanted = PgType::Numeric(Some(Digits { precision: 20, scale: 2 }));
        for found in ["numeric", "numeric(20,2)", "numeric(22,4)", "numeric(78,30)"] {
            assert!(wanted.fits(found), "{found}");
        }
        for found in ["numeric(20,3)", "numeric(19,2)", "numeric(30,1)", "bigint", "numeric(x,y)"] {
            assert!(!wanted.fits(found), "{found}");
        }
    }

    #[test]
    fn only_types_with_the_same_binary_form_fit() {
        assert!(PgType::Text.fits("character varying"));
        assert!(!PgType::Text.fits("character varying(10)"));
        assert!(!PgType::SmallInt.fits("bigint"));
        assert!(!PgType::Jsonb.fits("json"));
        let array = PgType::Array(Box::new(PgType::Text));
        assert!(array.fits("text[]"));
        assert!(!array.fits("text"));
        assert!(!array.fits("character varying[]"));
        let numbers =
            PgType::Array(Box::new(PgType::Numeric(Some(Digits { precision: 20, scale: 0 }))));
        assert!(numbers.fits("numeric[]"));
    }
}
