//! The tables in schema `ampsync`: how far each table is, what is known of its past, and what
//! reorgs took back.

mod checkpoint;
mod ledger;
mod migrations;

pub(crate) use checkpoint::{
    Stored, compare_and_swap, create, forget, look, read, read_for_update, settle, update_columns,
};
pub(crate) use ledger::{LedgerStatements, Reorg, rename_ledger};
pub(crate) use migrations::{DDL_LOCK, is_readable, knows_revisions, migrate, rehearse};
