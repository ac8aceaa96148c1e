//! What can be done about each error: the one table that decides whether to try again, and what a
//! person is told.

use std::borrow::Cow;

use sync_core::{Classify, Fault};
use tonic::Code;

use crate::error::Error;
use crate::trust;

impl Classify for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Status { code, .. } => row(*code).1,
            Self::Connection { .. }
            | Self::NoAnswer { .. }
            | Self::Incomplete(_)
            | Self::Decode { .. }
            // The dataset was redeployed between two calls; the next pair of them agrees.
            | Self::SchemaChanged { .. }
            // It passes when the server is upgraded, or no longer is what it should not be.
            | Self::MetadataMissing
            | Self::Metadata { .. }
            // What a broken gateway makes of a message may look large; and what is too large
            // may be cut into other batches tomorrow.
            | Self::TooLarge { .. } => Fault::Transient,
            Self::Endpoint(_)
            | Self::Setting(_)
            | Self::Tls(_) => Fault::Permanent,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        let remedy = match self {
            Self::Status { code, text, .. } => from_text(*code, text).unwrap_or(row(*code).2),
            Self::Endpoint(_) => "correct NOZZLE_ENDPOINT, such as http://localhost:1602",
            Self::Setting(_) => "correct the setting",
            Self::Tls(_) => "install the system's CA certificates, or name them with SSL_CERT_FILE",
            Self::Connection { source, .. } if source.is_about_certificates() => trust::REMEDY,
            Self::Connection { .. } => {
                "check that the server runs, and that NOZZLE_ENDPOINT names its Arrow Flight port \
                 (1602) with the right scheme, http or https"
            }
            Self::NoAnswer { .. } => {
                "look for what the server is busy with, and for a gateway that has lost it"
            }
            Self::TooLarge { .. } => {
                "raise NOZZLE_DECODE_LIMIT_MIB (at most 512), or select fewer columns"
            }
            Self::Incomplete(_) => {
                "check that NOZZLE_ENDPOINT is the Arrow Flight port of a Nozzle (Amp) server"
            }
            Self::Decode { .. } => {
                "compare the versions of server and client, and report this if it persists"
            }
            Self::SchemaChanged { .. } => {
                "pin the dataset's revision in the query if this persists: its tables are changing"
            }
            Self::Metadata { .. } => {
                "upgrade the client: this server speaks a version of the protocol it does not know"
            }
            Self::MetadataMissing => {
                "upgrade the server: following reorgs needs one from 2025-08-20 or later"
            }
        };
        Some(Cow::Borrowed(remedy))
    }
}

impl Error {
    /// Whether nobody has answered, or only with "not now": so that it is about the server, or the
    /// way to it, and not about what was asked.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::NoAnswer { .. } => true,
            Self::Status { code, .. } => matches!(
                code,
                Code::Unavailable
                    | Code::DeadlineExceeded
                    | Code::ResourceExhausted
                    | Code::Cancelled
                    | Code::Aborted
            ),
            Self::Endpoint(_)
            | Self::Setting(_)
            | Self::Tls(_)
            | Self::TooLarge { .. }
            | Self::Incomplete(_)
            | Self::Decode { .. }
            | Self::SchemaChanged { .. }
            | Self::Metadata { .. }
            | Self::MetadataMissing => false,
        }
    }

    /// Whether the answer is about the bearer token: that it is missing, wrong, or not enough.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        let Self::Status { code, .. } = self else { return false };
        matches!(code, Code::Unauthenticated | Code::PermissionDenied)
    }

    /// Whether the other side is no Nozzle (Amp) server, or not its Arrow Flight port.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Status { code: Code::Unimplemented, .. } | Self::Incomplete(_))
    }
}

/// A gRPC code by the name that the specification gives it.
pub(crate) fn name(code: Code) -> &'static str {
    row(code).0
}

const SERVER_LOG: &str = "look into the server's log if this persists";
const TOKEN: &str = "check NOZZLE_AUTH_TOKEN: the gateway wants a valid token that may read this \
                     dataset";
const NOT_THERE: &str = "check the names of dataset, revision, table and columns, and that the \
                         dataset is deployed and has data; it is waited for";
const BUSY: &str = "give the server more memory, or start fewer streams at once";

/// A code's name, whether it can pass, and what to do.
///
/// INTERNAL is where the server puts what it did not expect, unknown tables included, so it says
/// nothing: a table that is unknown today may be deployed tomorrow. A token may be renewed in the
/// gateway at any time. UNIMPLEMENTED is also what a gateway's HTTP 404 becomes, for as long as the
/// server behind it is being replaced.
fn row(code: Code) -> (&'static str, Fault, &'static str) {
    use Fault::{Permanent, Transient};
    match code {
        Code::Ok => ("OK", Transient, SERVER_LOG),
        Code::Cancelled => ("CANCELLED", Transient, SERVER_LOG),
        Code::Unknown => ("UNKNOWN", Transient, SERVER_LOG),
        Code::InvalidArgument => ("INVALID_ARGUMENT", Permanent, "correct the query"),
        Code::DeadlineExceeded => ("DEADLINE_EXCEEDED", Transient, SERVER_LOG),
        Code::NotFound => ("NOT_FOUND", Transient, NOT_THERE),
        Code::AlreadyExists => ("ALREADY_EXISTS", Transient, SERVER_LOG),
        Code::PermissionDenied => ("PERMISSION_DENIED", Transient, TOKEN),
        Code::ResourceExhausted => ("RESOURCE_EXHAUSTED", Transient, BUSY),
        Code::FailedPrecondition => ("FAILED_PRECONDITION", Transient, SERVER_LOG),
        Code::Aborted => ("ABORTED", Transient, SERVER_LOG),
        Code::OutOfRange => ("OUT_OF_RANGE", Transient, SERVER_LOG),
        Code::Unimplemented => (
            "UNIMPLEMENTED",
            Transient,
            "check that NOZZLE_ENDPOINT is the Arrow Flight port of a Nozzle (Amp) server",
        ),
        Code::Internal => ("INTERNAL", Transient, SERVER_LOG),
        Code::Unavailable => ("UNAVAILABLE", Transient, "check that the server runs"),
        Code::DataLoss => ("DATA_LOSS", Transient, SERVER_LOG),
        Code::Unauthenticated => ("UNAUTHENTICATED", Transient, TOKEN),
    }
}

/// A better remedy where the answer's text tells more than its code. It never changes the fault:
/// texts are not an interface.
fn from_text(code: Code, text: &str) -> Option<&'static str> {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if code == Code::Internal && has(&["not found", "No field named", "has not been synced"]) {
        Some(NOT_THERE)
    } else if code == Code::Internal && has(&["convert cursor"]) {
        Some("check that the query still reads the network it was started with")
    } else if code == Code::Internal && has(&["Resources exhausted"]) {
        Some(BUSY)
    } else if code == Code::InvalidArgument && has(&["non-incremental"]) {
        Some(
            "rewrite the query without aggregates, DISTINCT, ORDER BY, LIMIT, windows and outer \
             joins, which cannot be streamed, or let a dataset's own table have its result",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Call;

    fn answer(code: Code, text: &str) -> Error {
        Error::Status { call: Call::DoGet, code, text: text.to_owned() }
    }

    /// Every row, in words of its own, so that a change of the table is a change of this.
    #[test]
    fn each_code_has_its_fault_and_its_remedy() {
        for (code, name, fault, remedy) in [
            (0, "OK", Fault::Transient, "log"),
            (1, "CANCELLED", Fault::Transient, "log"),
            (2, "UNKNOWN", Fault::Transient, "log"),
            (3, "INVALID_ARGUMENT", Fault::Permanent, "correct the query"),
            (4, "DEADLINE_EXCEEDED", Fault::Transient, "log"),
            (5, "NOT_FOUND", Fault::Transient, "deployed"),
            (6, "ALREADY_EXISTS", Fault::Transient, "log"),
            (7, "PERMISSION_DENIED", Fault::Transient, "NOZZLE_AUTH_TOKEN"),
            (8, "RESOURCE_EXHAUSTED", Fault::Transient, "memory"),
            (9, "FAILED_PRECONDITION", Fault::Transient, "log"),
            (10, "ABORTED", Fault::Transient, "log"),
            (11, "OUT_OF_RANGE", Fault::Transient, "log"),
            (12, "UNIMPLEMENTED", Fault::Transient, "NOZZLE_ENDPOINT"),
            (13, "INTERNAL", Fault::Transient, "log"),
            (14, "UNAVAILABLE", Fault::Transient, "server runs"),
            (15, "DATA_LOSS", Fault::Transient, "log"),
            (16, "UNAUTHENTICATED", Fault::Transient, "NOZZLE_AUTH_TOKEN"),
        ] {
            let error = answer(Code::from_i32(code), "x");
            assert_eq!(error.to_string(), format!("DoGet answered {name}: x"));
            assert_eq!(error.fault(), fault, "{name}");
            assert!(error.remedy().unwrap().contains(remedy), "{name}: {:?}", error.remedy());
        }
    }

    #[test]
    fn a_known_text_has_a_better_remedy() {
        for (code, text, remedy) in [
            (Code::Internal, "Error during planning: table 'amp.x.y' not found", "deployed"),
            (Code::Internal, "Schema error: No field named nope.", "columns"),
            (Code::Internal, "table x has not been synced", "deployed"),
            (Code::Internal, "failed to convert cursor -> expected cursor for network", "network"),
            (Code::Internal, "Resources exhausted: 2 GB", "memory"),
            (Code::InvalidArgument, "non-incremental operation: Aggregate", "aggregates"),
        ] {
            let error = answer(code, text);
            assert_eq!(error.fault(), row(code).1, "{text}");
            assert!(error.remedy().unwrap().contains(remedy), "{text}: {:?}", error.remedy());
        }
    }

    #[test]
    fn what_the_client_finds_itself_has_a_fault_and_a_remedy() {
        let endpoint = crate::endpoint::parse("x", |_| Ok(())).unwrap_err();
        let json = || serde_json::from_str::<u8>("x").unwrap_err();
        let schema = || std::sync::Arc::new(arrow_schema::Schema::empty());
        let arrow = arrow_schema::ArrowError::IpcError(String::new());
        for (error, fault, remedy) in [
            (Error::Endpoint(endpoint), Fault::Permanent, "NOZZLE_ENDPOINT"),
            (Error::Setting(String::new()), Fault::Permanent, "setting"),
            (Error::TooLarge { limit_mib: 32 }, Fault::Transient, "NOZZLE_DECODE_LIMIT_MIB"),
            (
                Error::NoAnswer { call: Call::GetFlightInfo, limit: std::time::Duration::ZERO },
                Fault::Transient,
                "gateway",
            ),
            (Error::Incomplete("ticket"), Fault::Transient, "NOZZLE_ENDPOINT"),
            (Error::Decode { what: "schema", source: arrow }, Fault::Transient, "versions"),
            (
                Error::SchemaChanged { announced: schema(), found: schema() },
                Fault::Transient,
                "revision",
            ),
            (
                Error::Metadata { text: String::new(), source: json() },
                Fault::Transient,
                "upgrade the client",
            ),
            (Error::MetadataMissing, Fault::Transient, "2025-08-20"),
        ] {
            assert_eq!(error.fault(), fault, "{error}");
            assert!(error.remedy().unwrap().contains(remedy), "{error}: {:?}", error.remedy());
        }
    }
}
