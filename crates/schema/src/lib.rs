//! Maps an Arrow schema to a PostgreSQL table: its columns and types, its DDL, and how it differs
//! from a table that is already there.
//!
//! Pure and light, so that migration tools can embed it: it reads and writes values and text, and
//! never talks to a database.

mod ddl;
mod diff;
mod ident;
mod mapping;
mod options;
mod pg_type;
mod table;

pub use diff::{Conflict, Difference, ExistingColumn, ExistingIndex, ExistingTable};
pub use ident::{Ident, InvalidIdent, QualifiedName};
pub use mapping::{UnsupportedType, WrongChoice};
pub use options::{
    ColumnOptions, ColumnType, IndexMethod, IndexOptions, TableOptions, UnknownColumnType,
};
pub use pg_type::{Digits, InvalidDigits, PgType};
pub use table::{Column, Problem, SchemaError, Table};
