use super::value::{Value, decimal, plain};
use super::{calendar, json, literal};

/// How a column writes its values, by its type. Both sides are brought to one text here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A text that is the same whenever the value is.
    Text,
    Integer,
    /// Alone it is a word, in an array a letter.
    Boolean,
    /// Bytes as `\x` and digits.
    Bytea,
    /// A number, whose fraction may end in zeros.
    Numeric,
    /// The shortest text that reads back, in one of several notations.
    Real,
    Double,
    Jsonb,
    Array(Box<Form>),
}

impl Form {
    /// The form of a type as `format_type` names it.
    pub(super) fn of(sql: &str) -> Self {
        if let Some(item) = sql.strip_suffix("[]") {
            return Self::Array(Box::new(Self::of(item)));
        }
        match sql {
            "smallint" | "integer" | "bigint" => Self::Integer,
            "boolean" => Self::Boolean,
            "bytea" => Self::Bytea,
            "numeric" => Self::Numeric,
            "real" => Self::Real,
            "double precision" => Self::Double,
            "jsonb" | "json" => Self::Jsonb,
            _ => Self::Text,
        }
    }

    /// The text of a value that Arrow has; `None` is null.
    pub(super) fn expected(&self, value: &Value) -> Option<String> {
        if *value == Value::Null {
            return None;
        }
        Some(match (self, value) {
            (Self::Array(item), Value::List(items)) => {
                list(items.iter().map(|value| item.expected(value)))
            }
            // A text in a `jsonb` column is JSON already, and equal when it is written as
            // `jsonb` writes it.
            (Self::Jsonb, Value::Text(text)) => json::canonical(text),
            (Self::Jsonb, value) => json::write(value),
            (Self::Numeric | Self::Integer, Value::Text(text)) => {
                decimal(text).unwrap_or_else(|| text.clone())
            }
            (Self::Numeric | Self::Integer, Value::Number(text)) => plain(text).to_owned(),
            (Self::Real, Value::Float32(value)) => format!("{value:e}"),
            (Self::Double, Value::Float32(value)) => format!("{:e}", f64::from(*value)),
            (Self::Double, Value::Float64(value)) => format!("{value:e}"),
            (Self::Bytea, Value::Bytes(bytes)) => json::hex(bytes).replacen("0x", "\\x", 1),
            (_, Value::Bytes(bytes)) => json::hex(bytes),
            (_, Value::Bool(true)) => "true".to_owned(),
            (_, Value::Bool(false)) => "false".to_owned(),
            (_, Value::Number(text) | Value::Text(text)) => text.clone(),
            (_, Value::Date(days)) => calendar::date(*days),
            (_, Value::Time(nanos)) => calendar::time(nanos.div_euclid(1_000)),
            (_, Value::Timestamp(nanos, instant)) => calendar::timestamp(*nanos, *instant),
            (_, Value::Interval { months, days, nanos }) => {
                let micros = i64::try_from(nanos.div_euclid(1_000)).unwrap_or(i64::MAX);
                calendar::interval(*months, *days, micros)
            }
            (Self::Text, value) => json::compact(value),
            // The column has another type than the value should have, which shows as a difference.
            (_, value) => json::write(value),
        })
    }

    /// The same for a text that PostgreSQL has; `None` when it is not of this form.
    pub(super) fn found(&self, text: &str) -> Option<String> {
        Some(match self {
            Self::Text | Self::Integer | Self::Bytea => text.to_owned(),
            Self::Boolean => match text {
                "t" | "true" => "true".to_owned(),
                "f" | "false" => "false".to_owned(),
                _ => return None,
            },
            Self::Numeric => plain(text).to_owned(),
            Self::Real => format!("{:e}", text.parse::<f32>().ok()?),
            Self::Double => format!("{:e}", text.parse::<f64>().ok()?),
            Self::Jsonb => json::canonical(text),
            Self::Array(item) => {
                let items = literal::array(text)?.into_iter().map(|text| match text {
                    Some(text) => item.found(&text).map(Some),
                    None => Some(None),
                });
                list(items.collect::<Option<Vec<_>>>()?.into_iter())
            }
        })
    }
}

fn list(items: impl Iterator<Item = Option<String>>) -> String {
    format!("{:?}", items.collect::<Vec<_>>())
}
