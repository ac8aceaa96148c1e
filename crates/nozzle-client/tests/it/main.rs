//! The client through its public surface, over real gRPC.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod batches;
mod examples;
mod failures;
mod follow;
mod head;
mod liveness;
mod proxy;
mod reorgs;
mod requests;
mod server;
mod source;
mod tls;
mod traits;
