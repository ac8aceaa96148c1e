//! The binary as its user meets it: started, spoken to by variables and signals, read on stderr.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connecting;
mod http;
mod mistakes;
mod options;
mod pipe;
mod process;
mod reload;
mod resources;
mod revision;
mod schema;
mod security;
mod terminal;
mod verbs;
mod waiting;
