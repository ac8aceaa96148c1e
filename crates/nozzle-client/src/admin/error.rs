use std::borrow::Cow;
use std::time::Duration;

use sync_core::{Classify, Fault};

use crate::endpoint::InvalidEndpoint;
use crate::trust;

/// Everything that can go wrong between a client and the Admin API. No variant shows the bearer
/// token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The endpoint is no URL that a server could be at.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// A setting of the client has a value it cannot have; the text says which and why.
    #[error("{0}")]
    Setting(String),
    /// TLS could not be set up, mostly because no certificate authority is known.
    #[error("could not set up TLS")]
    Tls(#[source] std::io::Error),
    /// The server could not be reached, or the connection to it was lost.
    #[error("the Admin API cannot be reached")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There was no answer in time.
    #[error("the Admin API did not answer {path} within {} s", limit.as_secs())]
    Timeout {
        /// What was asked for.
        path: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// There is no such dataset, or not that revision of it: not yet, perhaps.
    #[error("the server has no dataset {dataset}")]
    NotFound {
        /// The reference.
        dataset: String,
    },
    /// The server, or a gateway before it, answered with an error.
    #[error("the Admin API answered {path} with {status}{text}")]
    Status {
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The answer's code and message as `: CODE: message`, shortened; empty without one.
        text: String,
    },
    /// The answer is larger than any that makes sense.
    #[error("the Admin API's answer to {path} is larger than {limit_mib} MiB")]
    TooLarge {
        /// What was asked for.
        path: String,
        /// The limit, in MiB.
        limit_mib: usize,
    },
    /// The answer is not what any server is known to say.
    #[error("the Admin API's answer to {path} could not be read")]
    Answer {
        /// What was asked for.
        path: String,
        /// Why not.
        source: serde_json::Error,
    },
}

impl Classify for AdminError {
    fn fault(&self) -> Fault {
        match self {
            // A request that the server finds wrong stays so; a token may be renewed, and
            // whatever else is wrong may be put right behind the address.
            Self::Status { status: 400 | 422, .. }
            | Self::Endpoint(_)
            | Self::Setting(_)
            | Self::Tls(_) => Fault::Permanent,
            Self::Connection(_)
            | Self::Timeout { .. }
            | Self::NotFound { .. }
            | Self::Status { .. }
            | Self::TooLarge { .. }
            | Self::Answer { .. } => Fault::Transient,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        let remedy = match self {
            Self::Endpoint(_) => "correct NOZZLE_ADMIN_ENDPOINT, such as http://localhost:1610",
            Self::Setting(_) => "correct the setting",
            Self::Tls(_) => "install the system's CA certificates, or name them with SSL_CERT_FILE",
            Self::NotFound { .. } => {
                "register the dataset with the server, or correct DATASET; it is waited for"
            }
            Self::Status { status: 401 | 403, .. } => {
                "check NOZZLE_AUTH_TOKEN: the gateway wants a valid token"
            }
            Self::Connection(source) if trust::is_about_certificates(source.as_ref()) => {
                trust::REMEDY
            }
            Self::Connection(_) | Self::Timeout { .. } | Self::Status { .. } => {
                "check that NOZZLE_ADMIN_ENDPOINT is the Admin API (port 1610) of a server that \
                 runs, with the right scheme, http or https"
            }
            Self::TooLarge { .. } | Self::Answer { .. } => {
                "check that NOZZLE_ADMIN_ENDPOINT is the Admin API (port 1610) of a Nozzle (Amp) \
                 server"
            }
        };
        Some(Cow::Borrowed(remedy))
    }
}
