//! The engine that keeps a table equal to a stream, exactly once.

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
