//! How a verb that does one thing and ends tells that it could not.

use sync_core::{Causes, Classify, Fault, OneLine};

use crate::run::{Exit, refuse};
use crate::settings::{Mistake, Mistakes};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for cannot be.
    Mistakes(Mistakes),
    /// It was refused, and will be until something is changed.
    Refused { error: String, remedy: Option<String> },
    /// Something did not work, and may do so another time.
    Failed { doing: String, error: String, remedy: Option<String> },
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::Mistakes(mistake.into())
    }
}

impl Failure {
    /// For `map_err`: what did not work.
    pub(crate) fn of<E: Classify>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| Self::Failed {
            doing,
            error: Causes(&error).to_string(),
            remedy: error.remedy().map(|remedy| remedy.into_owned()),
        }
    }

    /// For `map_err`: what did not work, or was refused.
    pub(crate) fn or_refusal<E: Classify>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| match error.fault() {
            Fault::Permanent => Self::Refused {
                error: Causes(&error).to_string(),
                remedy: error.remedy().map(|remedy| remedy.into_owned()),
            },
            Fault::Transient | Fault::Fenced => Self::of(doing)(error),
        }
    }

    /// For `map_err`: stdout cannot be written to.
    pub(crate) fn printing(error: std::io::Error) -> Self {
        let doing = "the answer cannot be printed".to_owned();
        Self::Failed { doing, error: error.to_string(), remedy: None }
    }

    /// Tells it, and says how the program ends.
    pub(crate) fn tell(self) -> Exit {
        match self {
            Self::Mistakes(mistakes) => refuse(&mistakes),
            Self::Refused { error, remedy } => {
                eprintln!("ampsync: {}", OneLine(error));
                if let Some(remedy) = remedy {
                    eprintln!("    {}", OneLine(remedy));
                }
                Exit::Mistake
            }
            Self::Failed { doing, error, remedy } => {
                let remedy = remedy.map(OneLine).map(tracing::field::display);
                tracing::error!(error = %OneLine(error), remedy, "{doing}");
                Exit::Failed
            }
        }
    }
}
