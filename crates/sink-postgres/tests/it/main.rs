//! The sink against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adoption;
mod catalog;
mod commit;
mod conformance;
mod doubt;
mod evolution;
mod hosts;
mod lease;
mod maintenance;
mod notify;
mod pooler;
mod prepare;
mod reading;
mod refusals;
mod revision;
mod support;
mod tls;
mod traits;
mod values;
mod violations;
