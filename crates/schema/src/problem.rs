//! Why there is no table for a stream.

use std::fmt;

use arrow_schema::DataType;

use crate::ident::{Ident, InvalidIdent, QualifiedName};
use crate::mapping::{UnsupportedType, WrongChoice};
use crate::options::{ColumnType, IndexMethod};
use crate::pg_type::PgType;

/// Why an Arrow schema, with the options of its table, cannot be a table: every reason at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// The table.
    pub table: QualifiedName,
    /// The reasons: first those of the columns, in their order, then those of the options; at
    /// least one.
    pub problems: Vec<Problem>,
}

/// One reason why an Arrow schema cannot be a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A column's name is not an identifier.
    #[error("column {position}: {source}")]
    Name {
        /// Which column, counted from one.
        position: usize,
        /// What is wrong with the name.
        source: InvalidIdent,
    },
    /// Two columns have the same name.
    #[error("column {0} occurs more than once")]
    Duplicate(Ident),
    /// PostgreSQL uses the name itself.
    #[error("column {0} has the name of a PostgreSQL system column")]
    SystemColumn(Ident),
    /// A column's type has no equivalent.
    #[error("column {column}: {source}")]
    Type {
        /// The column.
        column: Ident,
        /// What is wrong with the type.
        source: UnsupportedType,
    },
    /// The type chosen for a column cannot hold its values.
    #[error("column {column}: {source}")]
    Choice {
        /// The column.
        column: Ident,
        /// What is wrong with the choice.
        source: WrongChoice,
    },
    /// The column with the block numbers is missing.
    #[error("there is no column {0:?} with the block numbers")]
    NoBlockColumn(String),
    /// The column with the block numbers is not `UInt64`.
    #[error("the block column {column} is {found}, not UInt64")]
    BlockType {
        /// The column.
        column: Ident,
        /// The type it has.
        found: DataType,
    },
    /// Another type was chosen for the column with the block numbers.
    #[error("the block column {column} is always bigint, not {chosen}")]
    BlockChoice {
        /// The column.
        column: Ident,
        /// The type that was chosen.
        chosen: ColumnType,
    },
    /// There are more columns than PostgreSQL allows.
    #[error("there are {0} columns, a PostgreSQL table has at most 1600")]
    TooManyColumns(usize),
    /// The table's schema belongs to PostgreSQL or to the bookkeeping.
    #[error("schema {0} is not for tables of streams: choose another")]
    ReservedSchema(Ident),
    /// The options name a column that the stream does not have.
    #[error("{place}: there is no column {column:?}{}", did_you_mean(nearest.as_deref()))]
    UnknownColumn {
        /// Where it is named.
        place: Place,
        /// The name.
        column: String,
        /// The column that was perhaps meant.
        nearest: Option<String>,
    },
    /// A key or an index names a column twice.
    #[error("{place}: column {column:?} occurs more than once")]
    RepeatedColumn {
        /// Where it is named.
        place: Place,
        /// The name.
        column: String,
    },
    /// An index has no columns.
    #[error("{0}: it needs at least one column")]
    NoColumns(Place),
    /// A key or an index has more columns than PostgreSQL allows.
    #[error("{place}: it has {columns} columns, PostgreSQL allows 32")]
    TooManyKeyColumns {
        /// Which.
        place: Place,
        /// How many columns it has.
        columns: usize,
    },
    /// An index that can have only one column has several.
    #[error("{0}: a hash index has one column; use btree, or an index for each column")]
    SeveralHashed(Place),
    /// An index of this kind cannot be unique.
    #[error("{place}: a {method} index cannot be unique, only a btree index can")]
    NotUnique {
        /// Which.
        place: Place,
        /// Its kind.
        method: IndexMethod,
    },
    /// A column's type cannot be in an index of this kind.
    #[error("{place}: a {method} index cannot hold column {column} of type {ty}; {}", remedy(*method, ty))]
    NotIndexable {
        /// Which.
        place: Place,
        /// Its kind.
        method: IndexMethod,
        /// The column.
        column: Ident,
        /// Its type.
        ty: PgType,
    },
    /// Two indexes are the same.
    #[error("{place}: it is the same as index {other}")]
    SameIndex {
        /// Which.
        place: Place,
        /// The number of the first one, counted from one.
        other: usize,
    },
    /// A comment holds a NUL character.
    #[error("{0}: the comment holds a NUL character")]
    NulComment(Place),
}

/// Where in the options something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The table's own options.
    Table,
    /// The options of columns.
    Columns,
    /// The options of this column.
    Column(String),
    /// The primary key.
    PrimaryKey,
    /// An index, counted from one.
    Index(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("options of the table"),
            Self::Columns => f.write_str("options of columns"),
            Self::Column(column) => write!(f, "options of column {column:?}"),
            Self::PrimaryKey => f.write_str("primary key"),
            Self::Index(number) => write!(f, "index {number}"),
        }
    }
}

impl std::error::Error for SchemaError {}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} cannot be created", self.table)?;
        let mut separator = ": ";
        for problem in &self.problems {
            write!(f, "{separator}{problem}")?;
            separator = "; ";
        }
        Ok(())
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"))
}

fn remedy(method: IndexMethod, ty: &PgType) -> String {
    let others = [IndexMethod::BTree, IndexMethod::Hash, IndexMethod::Brin, IndexMethod::Gin];
    let fit: Vec<_> = others
        .into_iter()
        .filter(|other| *other != method && other.holds(ty))
        .map(|other| other.to_string())
        .collect();
    format!("use {}", fit.join(", "))
}
