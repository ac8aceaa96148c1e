//! How the values of one type become those of another.

use crate::pg_type::PgType;
use crate::sql::quote_ident;

/// An expression for `USING`, and what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub(crate) using: String,
    /// Values may be rounded or cut.
    pub(crate) rounds: bool,
}

/// How the values of `column`, of the type that PostgreSQL calls `from`, become `to`; `None` when
/// no value of the one means one of the other.
pub(crate) fn into(column: &str, from: &str, to: &PgType) -> Option<Conversion> {
    let column = quote_ident(column);
    let rounds = |from: &PgType| rounds(from, to);
    match PgType::parse(from) {
        Some(known) => {
            Some(Conversion { using: between(&column, &known, to)?, rounds: rounds(&known) })
        }
        // Whatever it is, it has a text.
        None => {
            let (text, text_type) = if from.ends_with("[]") {
                (format!("{column}::text[]"), PgType::Array(Box::new(PgType::Text)))
            } else {
                (format!("{column}::text"), PgType::Text)
            };
            let using = if *to == text_type { text } else { between(&text, &text_type, to)? };
            Some(Conversion { using, rounds: false })
        }
    }
}

/// How values of the type `from` become those of the type that PostgreSQL calls `to`.
pub(crate) fn out_of(column: &str, from: &PgType, to: &str) -> Option<String> {
    let column = quote_ident(column);
    match PgType::parse(to) {
        Some(known) => between(&column, from, &known),
        // Only an assignment refuses a text that is too long; a cast would cut it.
        None if to.starts_with("character") && !to.ends_with("[]") => {
            between(&column, from, &PgType::Text)
        }
        None => Some(format!("({})::{to}", between(&column, from, &PgType::Text)?)),
    }
}

fn between(value: &str, from: &PgType, to: &PgType) -> Option<String> {
    use PgType::{Array, Bytea, Date, Jsonb, Text, Timestamp, TimestampTz};
    Some(match (from, to) {
        (Bytea, Text) => format!("'0x' || encode({value}, 'hex')"),
        (Text, Bytea) => format!("decode(regexp_replace({value}, '^0x', ''), 'hex')"),
        (_, Text) | (Text, _) => format!("{value}::{to}"),
        // The digits of bytes are written as the stream's own JSON has them.
        (Array(item), Jsonb) if **item == Bytea => {
            format!(r"replace(to_jsonb({value})::text, E'\\\\x', '0x')::jsonb")
        }
        (Array(_), Jsonb) => format!("to_jsonb({value})"),
        (Array(from), Array(to)) => array(value, from, to)?,
        (Array(_), _) | (_, Array(_)) | (Bytea, _) | (_, Bytea) => return None,
        (Jsonb, Jsonb) => value.to_owned(),
        (_, Jsonb) => format!("to_jsonb({value})"),
        (Jsonb, _) => format!("({value} #>> '{{}}')::{to}"),
        // What has no zone is in UTC, whatever the session's zone is.
        (TimestampTz, Timestamp) | (Timestamp, TimestampTz) => {
            format!("{value} AT TIME ZONE 'UTC'")
        }
        (TimestampTz, Date) => format!("({value} AT TIME ZONE 'UTC')::date"),
        (Date, TimestampTz) => format!("{value}::timestamp AT TIME ZONE 'UTC'"),
        (Timestamp, Date) | (Date, Timestamp) => format!("{value}::{to}"),
        _ if from == to => value.to_owned(),
        _ if from.is_number() && to.is_number() => format!("{value}::{to}"),
        _ => return None,
    })
}

fn array(value: &str, from: &PgType, to: &PgType) -> Option<String> {
    use PgType::{Bytea, Text};
    Some(match (from, to) {
        (Bytea, Text) => format!(r"replace({value}::text, E'\\\\x', '0x')::text[]"),
        (Text, Bytea) => format!(r"replace({value}::text, '0x', E'\\\\x')::bytea[]"),
        (Text, _) | (_, Text) => format!("{value}::{to}[]"),
        _ if from == to || (from.is_number() && to.is_number()) => format!("{value}::{to}[]"),
        _ => return None,
    })
}

/// Whether a cast that succeeds may have changed the value.
fn rounds(from: &PgType, to: &PgType) -> bool {
    use PgType::{
        Array, BigInt, Date, Double, Integer, Numeric, Real, SmallInt, Timestamp, TimestampTz,
    };
    match (from, to) {
        (Array(from), Array(to)) => rounds(from, to),
        (TimestampTz | Timestamp, Date) => true,
        (Real | Double, SmallInt | Integer | BigInt | Numeric(_)) => true,
        (Numeric(_) | BigInt | Integer | Double, Real) | (Numeric(_) | BigInt, Double) => true,
        (Numeric(None), SmallInt | Integer | BigInt | Numeric(Some(_))) => true,
        (Numeric(Some(digits)), SmallInt | Integer | BigInt) => digits.scale > 0,
        (Numeric(Some(from)), Numeric(Some(to))) => from.scale > to.scale,
        _ => false,
    }
}
