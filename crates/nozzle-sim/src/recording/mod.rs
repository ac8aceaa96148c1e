//! Recordings of streams: `NAME.jsonl` (the request, the schema, one line per batch with its
//! metadata verbatim, and the end) beside `NAME.arrows` (the same batches as an Arrow IPC stream,
//! those without rows included). A recording without any schema has no `NAME.arrows`.

mod file;
mod make;
mod replay;

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use tonic::{Code, Status};

pub use make::record;
pub use replay::{ReplayOptions, ReplayServer};

/// One recorded stream.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The query.
    pub sql: String,
    /// The headers of the query.
    pub headers: BTreeMap<String, String>,
    /// The schema, where it is known.
    pub schema: Option<SchemaRef>,
    /// The batches, in their order.
    pub messages: Vec<Recorded>,
    /// How it ended.
    pub end: End,
}

/// One recorded batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The rows, perhaps none.
    pub rows: RecordBatch,
    /// `app_metadata`, verbatim.
    pub metadata: Option<String>,
}

/// How a recorded stream ended.
#[derive(Clone, Debug)]
pub enum End {
    /// It would have gone on: whoever replays it stays silent.
    Open,
    /// Cleanly.
    Eof,
    /// `GetFlightInfo` failed.
    FlightInfo(Status),
    /// `DoGet` failed, at once or after the batches.
    DoGet(Status),
}

/// Why a recording cannot be read, written or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of `NAME.jsonl` is not JSON.
    #[error("{}: line {line}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// `NAME.arrows` is not what it should be.
    #[error("{}", path.display())]
    Arrow {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: ArrowError,
    },
    /// The two files do not agree, or a line is missing.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The stream to be recorded failed in a way it should not.
    #[error("recording {name}: {problem}")]
    Stream {
        /// The name of the recording.
        name: &'static str,
        /// What happened.
        problem: String,
    },
}

/// The words of the recorder for gRPC's codes, which are those of Arrow's C++ client.
const CODES: [(Code, &str); 6] = [
    (Code::Internal, "internal"),
    (Code::InvalidArgument, "invalid argument"),
    (Code::Unavailable, "unavailable"),
    (Code::Unauthenticated, "unauthenticated"),
    (Code::NotFound, "not found"),
    (Code::Unimplemented, "unimplemented"),
];
