//! The driver: acts on what the machine decides.
//!
//! `table` keeps one table going for ever; `session` is one life of its stream, from the
//! checkpoint to the next failure; `write` makes one epoch durable.

mod backoff;
mod budget;
mod crowd;
mod error;
mod inbox;
mod session;
mod table;
mod telling;
mod write;
mod writer;

pub(crate) use backoff::{Backoff, Waited};
pub(crate) use budget::MemoryBudget;
pub(crate) use crowd::Crowd;
pub(crate) use table::{TableDriver, drive};
