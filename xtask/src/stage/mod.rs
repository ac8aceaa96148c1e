//! What every play of the real binary needs: the binary itself, how far its tables are, and
//! whether they are equal to the chain.

mod ampsync;
mod compare;
mod runtime;
mod state;

pub(crate) use ampsync::{Ampsync, Told, build};
pub(crate) use compare::{compare, table_names};
pub(crate) use runtime::runtime;
pub(crate) use state::{TableState, head, read};
