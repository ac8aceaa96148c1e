//! A simulated Nozzle (Amp) server that speaks the real protocol from a scripted chain.
//!
//! It is an independent witness of the protocol: it shares no code with the client or the engine
//! it tests. Start one with [`SimServer::start`], mine and reorganise its chain through the
//! handle, and compare what a client made of it with [`SimServer::canonical`].
//!
//! ```
//! use nozzle_sim::{SimConfig, SimServer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = SimServer::start(SimConfig::default()).await?;
//! server.mine(10);
//! server.reorg(3);
//! println!("follow {} at {}", server.config().dataset_ref(), server.endpoint());
//! let rows: usize = server.canonical("blocks").iter().map(|batch| batch.num_rows()).sum();
//! assert!(rows >= 10);
//! # Ok(())
//! # }
//! ```
//!
//! It is for tests: what it is told to do is public fields, which grow, and a default for all of them.

mod admin;
mod chain;
mod dice;
mod era;
mod fault;
mod flight;
mod growth;
mod load;
mod probe;
mod recording;
mod server;
mod sql;
mod tables;

pub use admin::AdminRequest;
pub use chain::{Block, BlockHash, Chain, Cursor, InvalidBlockHash, Range, next_range};
pub use era::{AdminShape, EmptyReply, Era, MetadataShape, PrevHash, ResumeHeader};
pub use fault::{Break, Fault, Lie};
pub use flight::{Method, Request};
pub use growth::{Grown, Growth};
pub use load::{LoadConfig, LoadServer};
pub use probe::{Probe, ProbeError, ProbeMessage, ProbeStream};
pub use recording::{
    End, Recorded, Recording, RecordingError, ReplayOptions, ReplayServer, record,
};
pub use server::{SimConfig, SimServer};
pub use tables::{SchemaChange, Table, TableKind};
