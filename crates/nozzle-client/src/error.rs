use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use arrow_schema::{ArrowError, Field, SchemaRef};
use tonic::{Code, Status};

use crate::endpoint::InvalidEndpoint;
use crate::trust;

/// Everything that can go wrong between a client and a server.
///
/// What can be done about one is what [`fault`](sync_core::Classify::fault) and
/// [`remedy`](sync_core::Classify::remedy) say. None of them ever shows the bearer token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The endpoint is no URL that a server could be at.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// A setting of the client has a value it cannot have; the text says which and why.
    #[error("{0}")]
    Setting(String),
    /// TLS could not be set up, mostly because no certificate authority is known.
    #[error("could not set up TLS")]
    Tls(#[source] tonic::transport::Error),
    /// The server could not be reached, or the connection to it was lost.
    #[error("connection failed during {call}")]
    Connection {
        /// Under way at the time.
        call: Call,
        /// How.
        source: ConnectionError,
    },
    /// The server has not answered in time, though the connection is alive.
    #[error("{call} was not answered within {} s", limit.as_secs())]
    NoAnswer {
        /// What was asked.
        call: Call,
        /// How long was waited.
        limit: Duration,
    },
    /// The server, or a gateway before it, answered with an error.
    #[error("{call} answered {}{}", crate::classify::name(*code), Answer(text))]
    Status {
        /// What was asked.
        call: Call,
        /// The gRPC code of the answer.
        code: Code,
        /// The answer's text, whole; `Display` shortens it.
        text: String,
    },
    /// A message is larger than the client decodes.
    #[error("the server sent a message above the decode limit of {limit_mib} MiB")]
    TooLarge {
        /// The limit, in MiB.
        limit_mib: u16,
    },
    /// The server's answer has a part missing.
    #[error("the server's FlightInfo has no {0}")]
    Incomplete(&'static str),
    /// Something the server sent is not what Arrow prescribes.
    #[error("could not decode the server's {what}")]
    Decode {
        /// What it was to be.
        what: &'static str,
        /// Why it is not.
        source: ArrowError,
    },
    /// The stream has another schema than the one that was announced for it.
    #[error("the stream's schema is not the announced one: {}", Difference(announced, found))]
    SchemaChanged {
        /// What the `FlightInfo` said.
        announced: SchemaRef,
        /// What the stream said.
        found: SchemaRef,
    },
    /// A message's metadata is not what any server is known to send.
    #[error("could not read the message metadata {:?}", Shortened(text))]
    Metadata {
        /// The metadata, whole; `Display` shortens it.
        text: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A message has no metadata, where a stream can only be followed with it.
    #[error("the server sent rows without the metadata that says which blocks they are of")]
    MetadataMissing,
}

impl Error {
    /// The error for what tonic reports of `call`.
    pub(crate) fn of_status(
        call: Call,
        status: Status,
        limit_mib: u16,
        redact: impl Fn(&str) -> String,
    ) -> Self {
        // tonic's own limit has no code of its own; its text is all that tells it apart.
        if status.message().contains("decoded message length too large") {
            Self::TooLarge { limit_mib }
        } else if status.source().is_some() {
            // What the other side answered has no source; what happened on the way has one.
            Self::Connection { call, source: ConnectionError(Box::new(status)) }
        } else {
            Self::Status { call, code: status.code(), text: redact(status.message()) }
        }
    }
}

/// A call of the Arrow Flight service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Plans a query, and says its schema.
    GetFlightInfo,
    /// Runs it.
    DoGet,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GetFlightInfo => "GetFlightInfo",
            Self::DoGet => "DoGet",
        })
    }
}

/// How a connection failed: all of what tonic, HTTP/2, TLS and TCP have to say, in one line.
#[derive(Debug)]
pub struct ConnectionError(Box<Status>);

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The layers repeat each other, each with a little more: a text that the next one contains
        // is left out.
        let mut layers = vec![self.0.message().to_owned()];
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            match layers.last_mut() {
                Some(last) if text.contains(last.as_str()) => *last = text,
                Some(last) if last.contains(&text) => {}
                _ => layers.push(text),
            }
            cause = error.source();
        }
        f.write_str(&layers.join(": "))
    }
}

impl std::error::Error for ConnectionError {}

impl ConnectionError {
    /// Whether the server's certificate was refused.
    pub(crate) fn is_about_certificates(&self) -> bool {
        trust::is_about_certificates(self.0.as_ref())
    }
}

/// The text of an answer, if it has one.
struct Answer<'a>(&'a str);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", Shortened(self.0)) }
    }
}

/// A text from outside without its middle where it is long: a server puts the situation first and
/// the innermost cause last.
struct Shortened<'a>(&'a str);

impl Shortened<'_> {
    const HEAD_CHARS: usize = 400;
    const TAIL_CHARS: usize = 200;
}

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.chars().count();
        if length <= Self::HEAD_CHARS + Self::TAIL_CHARS {
            return f.write_str(self.0);
        }
        let head: String = self.0.chars().take(Self::HEAD_CHARS).collect();
        let tail: String = self.0.chars().skip(length - Self::TAIL_CHARS).collect();
        write!(f, "{head} … {tail}")
    }
}

impl fmt::Debug for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

/// The first column in which two schemas differ.
struct Difference<'a>(&'a SchemaRef, &'a SchemaRef);

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |field: Option<&Field>| match field {
            Some(field) => {
                let null = if field.is_nullable() { "" } else { " not null" };
                format!("{:?} {}{null}", field.name(), field.data_type())
            }
            None => "nothing".to_owned(),
        };
        let (announced, found) = (self.0.fields(), self.1.fields());
        for index in 0..announced.len().max(found.len()) {
            let pair = (announced.get(index), found.get(index));
            if pair.0 != pair.1 {
                let (wanted, is) = (column(pair.0.map(|f| &**f)), column(pair.1.map(|f| &**f)));
                return write!(f, "column {} is {is} instead of {wanted}", index + 1);
            }
        }
        f.write_str("they differ in nothing but metadata")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{DataType, Schema};

    use super::*;

    #[test]
    fn a_long_answer_keeps_its_ends() {
        let text = format!("planning{}no such column", "ä".repeat(5_000));
        let status = Error::Status { call: Call::DoGet, code: Code::Internal, text };
        let shown = status.to_string();
        assert!(shown.starts_with("DoGet answered INTERNAL: planningä"), "{shown}");
        assert!(shown.ends_with("no such column") && shown.chars().count() < 700, "{shown}");
    }

    #[test]
    fn an_answer_without_a_text_is_its_code() {
        let (call, code) = (Call::GetFlightInfo, Code::Unavailable);
        let error = Error::Status { call, code, text: String::new() };
        assert_eq!(error.to_string(), "GetFlightInfo answered UNAVAILABLE");
    }

    #[test]
    fn a_changed_schema_names_the_column() {
        let block = Field::new("_block_num", DataType::UInt64, false);
        let value = |data_type| Field::new("value", data_type, true);
        let schema = |fields: Vec<Field>| Arc::new(Schema::new(fields));
        let announced = schema(vec![block.clone(), value(DataType::Utf8)]);
        for (found, expected) in [
            (
                schema(vec![block.clone(), value(DataType::Int64)]),
                "column 2 is \"value\" Int64 instead of \"value\" Utf8",
            ),
            (schema(vec![block]), "column 2 is nothing instead of \"value\" Utf8"),
            (
                schema(vec![value(DataType::Utf8)]),
                "column 1 is \"value\" Utf8 instead of \"_block_num\" UInt64 not null",
            ),
        ] {
            assert_eq!(Difference(&announced, &found).to_string(), expected);
        }
    }
}
