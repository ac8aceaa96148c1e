//! The testkit against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod proxy;
mod snapshot;
mod verify;
mod versions;
