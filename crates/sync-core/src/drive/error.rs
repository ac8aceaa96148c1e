use std::borrow::Cow;
use std::time::SystemTime;

use crate::checkpoint::Contradiction;
use crate::fault::{Causes, Classify, Fault};
use crate::health::{FailureClass, TableError};
use crate::machine::{BeyondLedger, Refusal, Violation};
use crate::ports::NoBlockColumn;

/// Why one life of a table's stream ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError<S: Classify, K: Classify> {
    #[error("the stream failed")]
    Source(#[source] S),
    #[error("the table could not be written")]
    Sink(#[source] K),
    #[error("the server broke the protocol")]
    Violation(#[source] Box<Violation>),
    #[error("the reorg cannot be followed")]
    BeyondLedger(#[source] Box<BeyondLedger>),
    #[error("another writer has moved the table's checkpoint")]
    Fenced,
    #[error(transparent)]
    NoBlockColumn(#[from] NoBlockColumn),
    #[error("the server streams other columns than before")]
    SchemaChanged,
    #[error(
        "rows of a block arrived after a later block's: receiving the range again, to write it whole"
    )]
    Disorder,
    #[error(transparent)]
    Inconsistent(#[from] Contradiction),
}

impl<S: Classify, K: Classify> From<Refusal> for SessionError<S, K> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Violation(violation) => Self::Violation(violation),
            Refusal::BeyondLedger(beyond) => Self::BeyondLedger(beyond),
        }
    }
}

impl<S: Classify, K: Classify> Classify for SessionError<S, K> {
    fn fault(&self) -> Fault {
        match self {
            Self::Source(error) => error.fault(),
            Self::Sink(error) => error.fault(),
            Self::Violation(_) | Self::SchemaChanged | Self::Disorder => Fault::Transient,
            Self::NoBlockColumn(error) => error.fault(),
            Self::Inconsistent(error) => error.fault(),
            Self::BeyondLedger(_) => Fault::Permanent,
            Self::Fenced => Fault::Fenced,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Source(error) => error.remedy(),
            Self::Sink(error) => error.remedy(),
            Self::Violation(_) => Some(
                "Nothing was written, and the stream is opened again from the checkpoint. If it \
                 repeats, look for a proxy that drops headers, or report it to who runs the server."
                    .into(),
            ),
            Self::BeyondLedger(_) => Some(
                "If the server was set up anew, or the reorg is real: stream the table anew \
                 (REORG_BEYOND_RETENTION=resync), and set RETENTION_BLOCKS deeper than the chain's reorgs."
                    .into(),
            ),
            Self::NoBlockColumn(error) => error.remedy(),
            Self::Inconsistent(error) => error.remedy(),
            Self::Fenced | Self::SchemaChanged | Self::Disorder => None,
        }
    }
}

impl<S: Classify, K: Classify> SessionError<S, K> {
    /// Who failed.
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            Self::Source(_) => FailureClass::Server,
            Self::Sink(_) => FailureClass::Database,
            Self::Fenced => FailureClass::Fenced,
            Self::Violation(_)
            | Self::BeyondLedger(_)
            | Self::NoBlockColumn { .. }
            | Self::SchemaChanged
            | Self::Disorder
            | Self::Inconsistent(_) => FailureClass::Refused,
        }
    }

    /// The error as a person should read it.
    pub(crate) fn describe(&self) -> TableError {
        let remedy = self.remedy().map(Cow::into_owned);
        TableError::new(self.class(), Causes(self).to_string(), remedy, SystemTime::now())
    }
}
