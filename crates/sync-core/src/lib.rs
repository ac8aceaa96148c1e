//! The engine that keeps a table equal to a stream, exactly once, through reorgs, crashes and outages.
//!
//! It knows neither a server nor a database. A [`Source`] is where messages come from (`nozzle-client`
//! has one), a [`Sink`] is where rows go (`sink-postgres` is one), and [`run`] or an [`Engine`] keeps
//! tables in step until it is told to stop. What each table is doing is on the [`HealthBoard`].
//!
//! # A sink of your own
//!
//! The short way is a [`Store`]: it writes each commit in one piece, and says at the start what it
//! wrote last. Compare-and-swap, retries, commits in doubt and provisional rows are seen to.
//!
//! ```
//! use std::io;
//!
//! use sync_core::{Commit, Saved, Store, StoreSink, TablePlan};
//!
//! #[derive(Default)]
//! struct Numbers {
//!     rows: usize,
//!     saved: Saved,
//! }
//!
//! impl Store for Numbers {
//!     type Error = io::Error;
//!
//!     async fn open(&mut self, _: &TablePlan) -> io::Result<Option<Saved>> {
//!         Ok(Some(self.saved.clone()))
//!     }
//!
//!     async fn write(&mut self, commit: Commit) -> io::Result<u64> {
//!         // One that keeps rows deletes those that `commit.retracts` first.
//!         self.rows += commit.rows.iter().map(|batch| batch.num_rows()).sum::<usize>();
//!         self.saved = commit.saved;
//!         Ok(0)
//!     }
//! }
//!
//! let sink = StoreSink::new(Numbers::default());
//! ```
//!
//! `examples/json_lines.rs` is a whole program around one. A sink that writes as rows come, or has a
//! compare-and-swap of its own, is a [`Sink`] itself; with the feature `conformance` the contracts of
//! a sink are tests for it. With the feature `serde` checkpoints can be written in any format.

mod batch;
pub mod chain;
mod checkpoint;
mod config;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod drive;
mod engine;
mod fault;
mod health;
mod machine;
pub mod memory;
mod message;
mod ports;
#[cfg(test)]
mod simulation;
mod store;

pub use checkpoint::{Advance, Checkpoint, CommitId, Contradiction, Cut};
pub use config::{BatchConfig, BeyondRetention, EngineConfig, RetryConfig};
pub use engine::{Engine, Outcome, TableExists, TableSync, run};
pub use fault::{Causes, Classify, Fault, OneLine, cause};
pub use health::{
    FailureClass, Head, HealthBoard, Histogram, LastReorg, MemoryUse, NotReady, STALLED_AFTER,
    TableError, TableHealth, TableState,
};
pub use machine::{BeyondLedger, Violation};
pub use message::{Mark, Message};
pub use ports::{CommitError, Committed, NoBlockColumn, Readiness, Sink, Source, TablePlan, Txn};
pub use store::{Commit, Saved, Store, StoreError, StoreSink, StoreTxn};
/// What [`run`] and [`Engine::new`] are told to stop by.
pub use tokio_util::sync::CancellationToken;
