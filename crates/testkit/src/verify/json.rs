//! JSON as PostgreSQL's `jsonb` writes it, so that equal values are equal texts.

use std::fmt::Write;

use super::calendar;
use super::value::{Value, plain};

/// Writes a value as `jsonb` writes it, with numbers in their plainest form.
pub(super) fn write(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => plain(number).to_owned(),
        // Adding zero makes a negative zero positive: the numbers of `jsonb` have only one.
        Value::Float32(value) if value.is_finite() => plain(&(value + 0.0).to_string()).to_owned(),
        Value::Float64(value) if value.is_finite() => plain(&(value + 0.0).to_string()).to_owned(),
        // JSON has no such numbers.
        Value::Float32(value) => string(not_finite((*value).into())),
        Value::Float64(value) => string(not_finite(*value)),
        Value::Text(text) => string(text),
        Value::Bytes(bytes) => string(&hex(bytes)),
        Value::Date(days) => string(&calendar::iso_date(*days)),
        Value::Time(nanos) => string(&calendar::iso_time(*nanos)),
        Value::Timestamp(nanos, instant) => string(&calendar::iso_timestamp(*nanos, *instant)),
        Value::Interval { months, days, nanos } => {
            string(&calendar::iso_interval(*months, *days, *nanos))
        }
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(write).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => object(fields),
    }
}

/// Writes a value as JSON in a text: nothing sorted, no white space, numbers with all digits that
/// their type has.
pub(super) fn compact(value: &Value) -> String {
    match value {
        Value::Number(number) => number.clone(),
        Value::Float32(value) if value.is_finite() => value.to_string(),
        Value::Float64(value) if value.is_finite() => value.to_string(),
        Value::Text(text) => escaped(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(compact).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let field =
                |(key, value): &(String, Value)| format!("{}:{}", escaped(key), compact(value));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Float32(_)
        | Value::Float64(_)
        | Value::Bytes(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Timestamp(_, _)
        | Value::Interval { .. } => write(value),
    }
}

/// A string with an escape of one form for every control character.
fn escaped(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\0'..' ' => write!(json, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// `0x` and lower-case digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = "0x".to_owned();
    // Writing to a string cannot fail.
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap_or_default());
    text
}

/// What `jsonb` wrote, with numbers in their plainest form. Its own form is otherwise unique.
pub(super) fn canonical(text: &str) -> String {
    let mut canonical = String::with_capacity(text.len());
    let mut number = String::new();
    let mut in_string = false;
    let mut escaped = false;
    for c in text.chars() {
        if !in_string && matches!(c, '-' | '.' | '0'..='9') {
            number.push(c);
            continue;
        }
        canonical.push_str(plain(&std::mem::take(&mut number)));
        canonical.push(c);
        match c {
            '"' if !escaped => in_string = !in_string,
            '\\' if in_string && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    canonical.push_str(plain(&number));
    canonical
}

/// `jsonb` sorts keys by length first, and of equal ones keeps the last.
fn object(fields: &[(String, Value)]) -> String {
    let mut sorted: Vec<&(String, Value)> = fields.iter().collect();
    sorted.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
    let last = |index: usize| sorted.get(index + 1).is_none_or(|next| next.0 != sorted[index].0);
    let fields: Vec<String> = sorted
        .iter()
        .enumerate()
        .filter(|(index, _)| last(*index))
        .map(|(_, (key, value))| format!("{}: {}", string(key), write(value)))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

fn string(text: &str) -> String {
    let mut json = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if c < ' ' => write!(json, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
