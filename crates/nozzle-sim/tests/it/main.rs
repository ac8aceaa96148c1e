//! The simulator as a client sees it, over real gRPC.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod client;
mod eras;
mod errors;
mod faults;
mod recordings;
mod rows;
mod sequences;
