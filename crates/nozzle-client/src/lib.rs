//! A client for the streaming SQL of a Nozzle (Amp) server.
//!
//! The server turns a query over blockchain data into an endless Arrow Flight stream that follows
//! the chain, reorgs included. [`SqlClient`] asks for such a stream, [`ResultStream`] is one, and
//! [`with_reorg`] turns its messages into what most readers want: rows, invalidations and
//! watermarks from which a later stream resumes.
//!
//! ```no_run
//! use futures::StreamExt;
//! use nozzle_client::{ReorgEvent, SqlClient, with_reorg};
//!
//! # async fn follow() -> Result<(), nozzle_client::Error> {
//! let client = SqlClient::new("http://localhost:1602")?;
//! let stream = client.query("SELECT * FROM \"_/eth_rpc@1.0.0\".logs", None).await?;
//! let mut events = with_reorg(stream);
//! while let Some(event) = events.next().await {
//!     match event? {
//!         ReorgEvent::Batch { data, .. } => println!("{} rows", data.num_rows()),
//!         ReorgEvent::Reorg { invalidation } => println!("untrue: {invalidation:?}"),
//!         ReorgEvent::Watermark(resume) => println!("resume from {resume}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Servers of all ages are understood, from August 2025 on. What one sends is checked where it is
//! read and refused where it makes no sense; whether the chain it describes can be true is for the
//! reader to decide, and the engine in `sync-core`, to which [`StreamSource`] connects, does.

pub mod admin;
mod builder;
mod classify;
mod client;
mod decode;
mod endpoint;
mod error;
mod head;
mod metadata;
mod reorg;
mod request;
mod resume;
mod secret;
mod source;
mod sql;
mod stream;
mod trust;

pub use arrow_flight::FlightData;
pub use builder::ClientBuilder;
pub use client::SqlClient;
pub use endpoint::InvalidEndpoint;
pub use error::{Call, ConnectionError, Error};
pub use head::HeadProbe;
pub use metadata::Metadata;
pub use reorg::{ReorgDetector, ReorgEvent, ReorgStream, with_reorg};
pub use resume::ResumeWatermark;
pub use secret::Secret;
pub use source::{MessageStream, StreamSource};
pub use stream::{ResponseBatch, ResultStream};
pub use sync_core::chain::{BlockRange, InvalidationRange};
pub use tonic::Code;
