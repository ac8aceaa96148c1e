//! The statements, executed by PostgreSQL: what the machine has, and version 17.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalog;
mod create;
mod examples;
mod identifiers;
mod options;
mod random;
mod reconcile;
mod support;
mod values;
