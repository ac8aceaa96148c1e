//! What a user asks of a table beyond what its stream says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::pg_type::{Digits, PgType};

/// What a user asks of a table beyond what its stream says. The default asks for nothing.
///
/// Columns are called by their names in the stream, which are their names in the table as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableOptions {
    /// What is asked of single columns, by name.
    pub columns: BTreeMap<String, ColumnOptions>,
    /// The columns of the primary key, in its order; none if empty.
    ///
    /// They are NOT NULL in the table, even where the stream's may be null, as the columns of many
    /// derived tables may: a null in one of them is then an error. A reorg deletes rows before it
    /// brings their replacements, so a key does not stand in its way.
    pub primary_key: Vec<String>,
    /// Indexes beside the one on the block column, which every table has. A B-tree, or a primary
    /// key, that begins with the block column takes its place.
    pub indexes: Vec<IndexOptions>,
    /// The comment on the table; an empty one takes away the one that is there.
    pub comment: Option<String>,
}

/// What a user asks of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnOptions {
    /// The type it gets instead of the usual one.
    pub ty: Option<ColumnType>,
    /// The comment on it.
    pub comment: Option<String>,
}

/// An index a user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexOptions {
    /// Its columns, in its order; from 1 to 32, a hash index has one. In a B-tree, a row's values
    /// may have about 2,700 bytes together: PostgreSQL refuses a row with more.
    pub columns: Vec<String>,
    /// Whether no two rows may have the same values in them; only for a B-tree.
    pub unique: bool,
    /// Its kind.
    pub method: IndexMethod,
}

/// The kind of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IndexMethod {
    /// Ordered: equality, ranges, sorting.
    #[default]
    BTree,
    /// Tiny, for columns that grow with the table; not for `boolean`, `jsonb` and arrays.
    Brin,
    /// Equality alone.
    Hash,
    /// What is inside of `jsonb` and arrays; for nothing else.
    Gin,
}

impl IndexMethod {
    /// Whether PostgreSQL can index columns of type `ty` in this way, without extensions.
    #[must_use]
    pub fn holds(self, ty: &PgType) -> bool {
        let is_array = matches!(ty, PgType::Array(_));
        match self {
            Self::BTree | Self::Hash => true,
            Self::Brin => !is_array && !matches!(ty, PgType::Boolean | PgType::Jsonb),
            Self::Gin => is_array || *ty == PgType::Jsonb,
        }
    }
}

impl fmt::Display for IndexMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BTree => "btree",
            Self::Brin => "brin",
            Self::Hash => "hash",
            Self::Gin => "gin",
        })
    }
}

/// A text that names no [`IndexMethod`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of btree, brin, hash, gin")]
pub struct UnknownIndexMethod(pub String);

impl FromStr for IndexMethod {
    type Err = UnknownIndexMethod;

    fn from_str(text: &str) -> Result<Self, UnknownIndexMethod> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "btree" => Self::BTree,
            "brin" => Self::Brin,
            "hash" => Self::Hash,
            "gin" => Self::Gin,
            _ => return Err(UnknownIndexMethod(text.to_owned())),
        })
    }
}

/// A type a user may choose for a column instead of the usual one. On a list of scalars, all but
/// [`Jsonb`](Self::Jsonb) choose the type of the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `bigint`, for whole numbers: one that does not fit is an error.
    BigInt,
    /// `numeric`, for numbers, and for texts that are numbers, as a `uint256` is.
    Numeric(Option<Digits>),
    /// `text`, for numbers, and for nested values as JSON.
    Text,
    /// `text` of `0x` and hexadecimal digits, for bytes.
    Hex,
    /// `jsonb`, for texts that are JSON, and for lists.
    Jsonb,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BigInt => "bigint",
            Self::Numeric(None) => "numeric",
            Self::Numeric(Some(digits)) => return write!(f, "numeric{digits}"),
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Jsonb => "jsonb",
        })
    }
}

/// A text that names no [`ColumnType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of bigint, numeric, numeric(precision,scale), text, hex, jsonb")]
pub struct UnknownColumnType(pub String);

impl FromStr for ColumnType {
    type Err = UnknownColumnType;

    fn from_str(text: &str) -> Result<Self, UnknownColumnType> {
        let plain = text.trim().to_ascii_lowercase();
        Ok(match plain.as_str() {
            "bigint" => Self::BigInt,
            "numeric" => Self::Numeric(None),
            "text" => Self::Text,
            "hex" => Self::Hex,
            "jsonb" => Self::Jsonb,
            other => match other.strip_prefix("numeric").and_then(|digits| digits.parse().ok()) {
                Some(digits) => Self::Numeric(Some(digits)),
                None => return Err(UnknownColumnType(text.to_owned())),
            },
        })
    }
}
