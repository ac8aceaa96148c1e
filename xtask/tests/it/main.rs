//! Rules of the source itself, which no compiler checks.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dependencies;
mod deploy;
mod guarantees;
mod operations;
mod sources;
