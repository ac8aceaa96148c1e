//! The Flight service as the wire sees it, over something that answers queries.

mod listen;
mod outbox;
mod service;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use arrow_schema::SchemaRef;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tonic::Status;

pub use service::{Method, Request};

pub(crate) use listen::{Connections, Listener};
pub(crate) use outbox::{Closed, Outbox, Spoil};
pub(crate) use service::{CommandStatementQuery, Flight, RequestLog, STATEMENT_QUERY};

use crate::chain::Cursor;

/// What is behind the service: a chain, or a recording.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Answers `GetFlightInfo`.
    fn plan(&self, sql: &str, headers: &Headers) -> Result<(SchemaRef, Ticket), Status>;

    /// Whether `GetFlightInfo` is never to be answered this time.
    fn withholds(&self, _sql: &str) -> bool {
        false
    }

    /// Answers `DoGet`: what fills the outbox until the stream ends.
    fn stream(self: std::sync::Arc<Self>, ticket: Ticket) -> Result<Stream, Status>;
}

/// Fills the outbox of one stream.
pub(crate) type Stream = Box<dyn FnOnce(Outbox) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The ASCII headers of a call, by lower-case name.
pub(crate) type Headers = BTreeMap<String, String>;

/// What `DoGet` is told: everything that `GetFlightInfo` understood. Opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) sql: String,
    pub(crate) stream: bool,
    /// By network.
    pub(crate) cursor: Option<BTreeMap<String, Cursor>>,
}

impl Ticket {
    pub(crate) fn new(
        sql: &str,
        headers: &Headers,
        resume: Option<&str>,
        stream: Option<bool>,
    ) -> Self {
        // A header that cannot be read is dropped in silence, as the real server does it.
        let cursor = resume.and_then(|name| headers.get(name));
        Self {
            sql: sql.to_owned(),
            stream: stream.unwrap_or(false),
            cursor: cursor.and_then(|json| serde_json::from_str(json).ok()),
        }
    }

    /// The cursor of `network`.
    pub(crate) fn cursor(&self, network: &str) -> Result<Option<Cursor>, Status> {
        let Some(cursors) = &self.cursor else { return Ok(None) };
        cursors.get(network).copied().map(Some).ok_or_else(|| {
            let networks: Vec<&String> = cursors.keys().collect();
            Status::internal(format!(
                "streaming query execution error | Caused by: failed to convert cursor -> \
                 expected cursor for network '{network}', but cursor only contains networks: \
                 {networks:?}"
            ))
        })
    }

    fn encode(&self) -> Result<Bytes, Status> {
        let json = serde_json::to_vec(self).map_err(|error| Status::internal(error.to_string()))?;
        Ok(json.into())
    }

    fn decode(bytes: &[u8]) -> Result<Self, Status> {
        serde_json::from_slice(bytes)
            .map_err(|error| Status::invalid_argument(format!("invalid ticket: {error}")))
    }
}

/// What the header `amp-stream` says, if it says anything.
pub(crate) fn stream_header(headers: &Headers) -> Option<bool> {
    match headers.get("amp-stream")?.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
