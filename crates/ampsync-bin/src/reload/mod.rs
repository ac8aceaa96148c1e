//! The settings, read again while the tables run: because a file has changed, on SIGHUP, or because
//! a tag names another manifest. New tables start, removed ones stop, changed ones start anew, and
//! the rest is not disturbed. Whatever fails leaves everything as it is.

mod apply;
mod board;
mod cause;
mod difference;
mod files;
mod follow;
mod poll;
mod read;
mod replace;
mod revise;
mod trouble;
mod unfit;
mod watch;

pub(crate) use apply::{Engine, Tables};
pub(crate) use board::{Last, Outcome, Reloads, Tally};
pub(crate) use follow::{Begun, Reloader};
pub(crate) use read::Read;
