//! Tables whose query or dataset changes, or whose shape in a way that the stored one cannot take: the new rows are filled into a table beside the old one,
//! which is served and followed meanwhile, and takes its place once it has come as far.
//!
//! Here is what is decided and remembered; `reload/` starts and stops the tables.

mod beside;
mod course;
mod fitness;
mod look;
mod pending;

pub(crate) use beside::{label, next, of_label, stored};
pub(crate) use course::{Course, GivesUp, course, is_of, is_planned};
pub(crate) use fitness::{Fit, Fitness};
pub(crate) use look::look;
pub(crate) use pending::Pending;

/// What is done about a table whose stored rows are of another revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnRevisionChange {
    /// The new rows are filled into a table beside it.
    Migrate,
    /// The table stops with the reason.
    Refuse,
}
