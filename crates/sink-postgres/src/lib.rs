//! The PostgreSQL sink: binary COPY, reorg deletes and checkpoints in one transaction.
//!
//! All SQL of the project lives here and in `ampsync-schema`. A [`Database`] is shared by the
//! process; each table has a [`PostgresSink`] of its own.
//!
//! # Where the database is
//!
//! [`ConnectOptions`] say it: a URL as libpq takes it, with all of `sslmode`, or the same by its
//! parts. [`ConnectOptions::probe`] tells, before anything is begun, whether it would work.
//!
//! # What a table is like
//!
//! A table gets the stream's columns. [`SinkOptions`] say what more is asked of it: another name,
//! types of columns, a primary key, indexes, comments, and what becomes of values that PostgreSQL
//! cannot hold.
//!
//! ```
//! use ampsync_schema::{ColumnOptions, ColumnType, Ident, IndexOptions};
//! use sink_postgres::{Database, PostgresSink, SinkOptions};
//!
//! # fn sink(database: Database) -> Result<PostgresSink, Box<dyn std::error::Error>> {
//! let mut options = SinkOptions::default();
//! options.name = Some(Ident::new("erc20_transfers")?);
//! let mut value = ColumnOptions::default();
//! value.ty = Some(ColumnType::Numeric(None));
//! options.table.columns.insert("value".to_owned(), value);
//! options.table.primary_key = vec!["tx_hash".to_owned(), "log_index".to_owned()];
//! let mut by_sender = IndexOptions::default();
//! by_sender.columns = vec!["from".to_owned()];
//! options.table.indexes.push(by_sender);
//! let sink = PostgresSink::new(database, Ident::new("public")?).with_options(options);
//! # Ok(sink)
//! # }
//! ```
//!
//! # Tables that are there already, and that change
//!
//! A table that is there is used, whoever made it, if it can hold the rows: with more columns and
//! indexes, in another order, partitioned, with triggers and constraints. When it is
//! prepared, what it lacks and what no row can stand in the way of is added by itself, in the same
//! transaction and with a line in the log for each statement: columns that may be null, indexes, a
//! primary key, comments. What is asked for no longer is left as it is. This is also what happens
//! when the stream's columns or the options have changed since the last time.
//!
//! Everything else is an [`Error`] that cannot pass, and leaves the table as it was. Its
//! [`remedy`](sync_core::Classify::remedy) has the statements that help, ready to be run:
//!
//! - [`Conflict`](Error::Conflict): a column has another type, may not be null, or is missing and
//!   would have to be filled; the primary key is another one.
//! - [`ColumnsGone`](Error::ColumnsGone): the stream has lost a column of which the table has
//!   values. It goes on when that column was dropped or renamed.
//! - [`Unsafe`](Error::Unsafe): rows could be lost unnoticed, as in an unlogged table.
//! - [`Alter`](Error::Alter): a change was refused, as a key that rows share already.
//! - [`Identity`](Error::Identity), [`ForeignRows`](Error::ForeignRows),
//!   [`TableGone`](Error::TableGone): the rows are not this stream's, or gone.
//!
//! [`PostgresSink::rehearse`] says what preparing a table would come to, without changing anything.
//! [`Database::existing`] reads what a table is like, and `ampsync_schema::Table::difference`
//! compares it with what would be wanted. [`Database::status`] tells how far every table is, and
//! [`Database::reset`] lets tables begin anew.

mod adopt;
#[doc(hidden)]
pub mod bench;
mod bookkeeping;
mod catalog;
mod commit;
mod connect;
mod database;
mod encode;
mod error;
mod hazard;
mod lease;
mod notify;
mod options;
mod prepare;
mod remedy;
mod reset;
mod revision;
mod server_error;
mod server_info;
mod session;
mod sink;
mod sql;
mod sqlstate;
mod status;
mod tls;
mod violation;
mod writer;

pub use connect::{ConnectOptions, Conninfo, ConninfoError, ConninfoProblem};
pub use database::{ConnectionUse, Database, DatabaseOptions};
pub use encode::{Unsupported, UnsupportedColumn, ValueCounts, ValueError};
pub use error::{Error, ServerFailure};
pub use hazard::Hazard;
pub use options::{NulPolicy, RangePolicy, SinkOptions, ValuePolicy};
pub use reset::ResetRows;
pub use revision::{
    Exchange, Exchanged, NextRehearsal, Obstacle, Reuse, Revision, RevisionKind, Revisions,
    next_name,
};
pub use server_error::ServerError;
pub use server_info::ServerInfo;
pub use sink::{PgTxn, PostgresSink, Rehearsal};
pub use status::{LastReorg, LedgerStatus, ReorgStatus, Status, Storage, TableStatus};
pub use tls::{ClientIdentity, RootCertificates, SslMode, TlsError, TlsOptions, UnknownSslMode};
pub use writer::Writer;
