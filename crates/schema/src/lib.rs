//! Maps an Arrow schema to a PostgreSQL table: its columns and types, its DDL, how it differs from
//! a table that is already there, and the migrations that make one of the other.
//!
//! Pure and light, so that migration tools can embed it: it reads and writes values and text, and
//! never talks to a database.
//!
//! # From a schema to a migration
//!
//! An Arrow schema and [`TableOptions`] make a [`Table`], or a [`SchemaError`] with all that is wrong
//! with them. What exists, be it nothing, makes the [`Change`]s, each with its opposite:
//!
//! ```
//! use ampsync_schema::migration::{Layout, Migration};
//! use ampsync_schema::{Difference, ExistingTable, Ident, QualifiedName, Table, TableOptions};
//! use arrow_schema::{DataType, Field, Schema};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let schema = Schema::new(vec![
//!     Field::new("_block_num", DataType::UInt64, false),
//!     Field::new("hash", DataType::FixedSizeBinary(32), true),
//! ]);
//! let mut options = TableOptions::default();
//! options.primary_key = vec!["hash".to_owned()];
//! let name = QualifiedName { schema: Ident::new("public")?, name: Ident::new("blocks")? };
//! let table = Table::with_options(name, &schema, "_block_num", &options)?;
//!
//! let create = Migration::new([(&table, None)]);
//! assert_eq!(
//!     create.up_script(),
//!     r#"CREATE TABLE "public"."blocks" (
//!     "_block_num" bigint NOT NULL,
//!     "hash" bytea NOT NULL,
//!     CONSTRAINT "blocks_pkey" PRIMARY KEY ("hash")
//! );
//!
//! CREATE INDEX "blocks__block_num_idx" ON "public"."blocks" USING btree ("_block_num");
//! "#
//! );
//!
//! // A table that is there is described by whoever can read the catalog.
//! let mut existing = ExistingTable::default();
//! assert!(matches!(table.difference(&existing), Difference::Conflicting(_)));
//! let alter = Migration::new([(&table, Some(&existing))]);
//!
//! let files = Layout::Sqlx.files("create_blocks", &create, &[])?;
//! assert_eq!(files[0].name, "0001_create_blocks.up.sql");
//! // What is in the folder already is not written again.
//! assert!(Layout::Sqlx.files("create_blocks", &create, &files)?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! `examples/migrations.rs` is such a tool.
//!
//! # What PostgreSQL allows
//!
//! Names are always quoted, so reserved words, spaces and upper case are names like any other, and
//! `"a"` and `"A"` are two columns. What PostgreSQL would cut to 63 bytes is refused instead
//! ([`InvalidIdent`]). A table has at most 1,600 columns, those that were dropped included; a row must
//! fit a page of 8 kB, long texts and bytes left out, so that about 1,000 filled `bigint`s are the most.
//! [`clashes`] finds tables, and indexes of tables, that would have the same name.
//!
//! # What a difference does not see
//!
//! Views, rules, foreign keys and generated columns that use a column can refuse a change of its type;
//! PostgreSQL then says so, and nothing is changed.

mod build;
mod change;
mod convert;
mod ddl;
mod diff;
mod existing;
mod ident;
mod mapping;
pub mod migration;
mod naming;
mod options;
mod pg_type;
mod problem;
mod sql;
mod step;
mod stored;
mod table;

pub use change::{AddedIndex, Change};
pub use diff::{Conflict, Cost, Difference, Part};
pub use existing::{ExistingColumn, ExistingIndex, ExistingTable};
pub use ident::{Ident, InvalidIdent, QualifiedName};
pub use mapping::{UnsupportedType, WrongChoice};
pub use naming::{Clash, Relation, beside, clashes, index_name};
pub use options::{
    ColumnOptions, ColumnType, IndexMethod, IndexOptions, TableOptions, UnknownColumnType,
    UnknownIndexMethod,
};
pub use pg_type::{Digits, InvalidDigits, PgType};
pub use problem::{Place, Problem, SchemaError};
pub use sql::{quote_ident, quote_literal};
pub use table::{Column, Index, Table};
