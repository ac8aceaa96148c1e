//! The PostgreSQL sink: binary COPY, reorg deletes and checkpoints in one transaction.
//!
//! All SQL of the project lives here and in `ampsync-schema`. A [`Database`] is shared by the
//! process; each table has a [`PostgresSink`] of its own.

mod bookkeeping;
mod catalog;
mod commit;
mod database;
mod encode;
mod error;
mod lease;
mod options;
mod prepare;
mod server_error;
mod session;
mod sink;
mod sql;
mod sqlstate;

pub use database::{Database, DatabaseOptions};
pub use encode::{UnsupportedColumn, ValueError};
pub use error::Error;
pub use options::{NulPolicy, RangePolicy, SinkOptions, ValuePolicy};
pub use server_error::ServerError;
pub use sink::{PgTxn, PostgresSink};
