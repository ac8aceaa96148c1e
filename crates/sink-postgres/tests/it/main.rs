//! The sink against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adoption;
mod catalog;
mod commit;
mod conformance;
mod doubt;
mod evolution;
mod lease;
mod maintenance;
mod notify;
mod prepare;
mod refusals;
mod support;
mod values;
mod violations;
