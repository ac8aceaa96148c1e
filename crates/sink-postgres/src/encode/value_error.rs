use arrow_schema::DataType;

/// A column that this sink cannot write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column:?}: {reason}")]
pub struct UnsupportedColumn {
    /// The column.
    pub column: String,
    /// Why not.
    pub reason: Unsupported,
}

/// Why the values of a type cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// PostgreSQL has nothing like it.
    #[error("the Arrow type {0} cannot be written")]
    Type(DataType),
    /// JSONB would keep one of them and drop the other.
    #[error("two fields of a struct are called {0:?}")]
    DoubledField(String),
    /// JSONB has no such key.
    #[error("the field {0:?} of a struct has a NUL character in its name")]
    NulInField(String),
}

/// Why a value cannot be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// PostgreSQL has no such text.
    #[error("the text {value} holds a NUL character")]
    Nul {
        /// The text, cut if it is long.
        value: String,
    },
    /// A row that could never be retracted.
    #[error("the block number is null")]
    NullBlock,
    /// The column's type does not hold it, or not all of its digits.
    #[error("{value} does not fit {ty}")]
    OutOfRange {
        /// The value, cut if it is long.
        value: String,
        /// The type.
        ty: String,
    },
    /// A column of numbers was asked for.
    #[error("the text {value} is not a decimal number")]
    NotANumber {
        /// The text, cut if it is long.
        value: String,
    },
    /// A column of JSON was asked for.
    #[error("the text {value} is not JSON that PostgreSQL takes: {problem} at byte {at}")]
    NotJson {
        /// The text, cut if it is long.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
        /// Where.
        at: usize,
    },
    /// JSONB would keep one of them and drop the other.
    #[error("the map has the key {key} twice")]
    DoubledKey {
        /// The key, cut if it is long.
        key: String,
    },
    /// JSON has no such key.
    #[error("the map has a key that is null")]
    NullKey,
    /// PostgreSQL has no value of this size.
    #[error("the value has {bytes} bytes; at most {most} can be stored")]
    TooLong {
        /// Its size, encoded.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// PostgreSQL has no array of this length.
    #[error("the list has {0} items")]
    TooMany(usize),
    /// The value cannot be encoded.
    #[error("the value cannot be encoded")]
    Encode(#[from] pgpq::error::ErrorKind),
    /// The rows are not what the table was prepared for.
    #[error("the values have the Arrow type {0}, which was not expected")]
    Unexpected(DataType),
}

/// How much of a value a message shows.
const SHOWN: usize = 80;

/// A value as messages show it: quoted, and cut if it is long.
pub(super) fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(shown("a\0\""), r#""a\0\"""#);
        let long = shown(&"ü".repeat(100));
        assert_eq!(long, format!("\"{}\"… (200 bytes)", "ü".repeat(80)));
    }
}
