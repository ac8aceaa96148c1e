/// A value between the two worlds: read from Arrow, and to be written as PostgreSQL writes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// An exact number in plain decimal digits, without needless zeros behind the point.
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
        micros: i64,
    },
    List(Vec<Value>),
    /// Names and values in any order.
    Object(Vec<(String, Value)>),
}

/// Drops the zeros that end the fraction of a plain decimal number.
pub(super) fn plain(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}
