//! The sink against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commit;
mod conformance;
mod doubt;
mod lease;
mod prepare;
mod refusals;
mod support;
mod values;
