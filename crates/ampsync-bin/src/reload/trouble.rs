use std::fmt;

use sync_core::{Causes, Classify, Fault};

use crate::settings::{Mistake, Mistakes};

/// Why the settings were not taken.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Somebody has to change something.
    Mistakes(Mistakes),
    /// It may pass by itself.
    Passing { doing: String, error: String, remedy: Option<String> },
}

impl From<Mistakes> for Trouble {
    fn from(mistakes: Mistakes) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl From<Mistake> for Trouble {
    fn from(mistake: Mistake) -> Self {
        Self::Mistakes(mistake.into())
    }
}

impl Trouble {
    /// For `map_err`: what did not work, and whose mistake it is if it will not pass.
    pub(super) fn of<E: Classify>(
        subject: &str,
        doing: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let (subject, doing) = (subject.to_owned(), doing.into());
        move |error| {
            let remedy = error.remedy().map(|remedy| remedy.into_owned());
            let text = Causes(&error).to_string();
            match error.fault() {
                Fault::Permanent => Self::from(Mistake {
                    subject,
                    problem: format!("{doing}: {text}"),
                    remedy: remedy.unwrap_or_else(|| "correct it, or take it back".to_owned()),
                }),
                Fault::Transient | Fault::Fenced => Self::Passing { doing, error: text, remedy },
            }
        }
    }

    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Passing { .. })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => mistakes.fmt(f),
            Self::Passing { doing, error, remedy } => {
                write!(f, "{doing}: {error}")?;
                remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
            }
        }
    }
}
