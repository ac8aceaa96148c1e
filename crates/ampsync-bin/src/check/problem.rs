use std::time::Duration;

use nozzle_client::admin::AdminError;
use sink_postgres::Error as DatabaseError;
use sync_core::{Causes, Classify, Fault, OneLine};

use crate::chosen::ChosenError;
use crate::settings::Mistake;

/// Something that is in the way of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The setting or the table.
    pub(super) subject: String,
    /// What is wrong with it; several lines where a text is shown.
    pub(super) problem: String,
    /// What to do about it.
    pub(super) remedy: Option<String>,
    /// Whether somebody has not answered, so that it may be different the next time.
    pub(super) outage: bool,
}

impl From<Mistake> for Problem {
    fn from(Mistake { subject, problem, remedy }: Mistake) -> Self {
        Self { subject, problem, remedy: Some(remedy), outage: false }
    }
}

impl Problem {
    pub(super) fn new(subject: &str, problem: impl Into<String>, remedy: &str) -> Self {
        let (subject, remedy) = (subject.to_owned(), Some(remedy.to_owned()));
        Self { subject, problem: problem.into(), remedy, outage: false }
    }

    /// What anybody answered about `subject`.
    pub(super) fn of(subject: &str, error: &dyn Classify, outage: bool) -> Self {
        Self {
            subject: subject.to_owned(),
            problem: OneLine(Causes(error)).to_string(),
            remedy: error.remedy().map(|remedy| OneLine(remedy).to_string()),
            outage,
        }
    }

    /// What the server answered about a table's stream. Where nobody was reached, it is about all
    /// of them.
    pub(super) fn of_stream(table: &str, error: &ChosenError) -> Self {
        let subject = format!("table {table}");
        match error {
            ChosenError::Columns(_) => Self::of(&subject, error, false),
            ChosenError::Stream(error) => Self::of_server(&subject, error),
        }
    }

    pub(super) fn of_server(subject: &str, error: &nozzle_client::Error) -> Self {
        if error.is_denied() {
            Self::of("NOZZLE_AUTH_TOKEN", error, false)
        } else if error.is_outage() || error.is_foreign() {
            Self::of("NOZZLE_ENDPOINT", error, error.is_outage())
        } else {
            Self::of(subject, error, false)
        }
    }

    pub(super) fn of_admin(error: &AdminError) -> Self {
        let outage = matches!(error, AdminError::Connection(_) | AdminError::Timeout { .. });
        Self::of("NOZZLE_ADMIN_ENDPOINT", error, outage)
    }

    pub(super) fn of_database(subject: &str, error: &DatabaseError) -> Self {
        // A server that only reads answers, and will not think better of it.
        let read_only =
            matches!(error, DatabaseError::Server { source, .. } if source.code() == Some("25006"));
        Self::of(subject, error, error.fault() != Fault::Permanent && !read_only)
    }

    pub(super) fn late(subject: &str, limit: Duration) -> Self {
        let problem = format!("no answer within {} s", limit.as_secs());
        let remedy = "look for what it is busy with, and try again";
        Self { outage: true, ..Self::new(subject, problem, remedy) }
    }

    /// The whole check has had its time.
    pub(super) fn over(whole: Duration) -> Self {
        let problem = format!("not everything was asked within {} s", whole.as_secs());
        let remedy = format!("give it more time: --within {}", whole.as_secs() * 4);
        Self { outage: true, ..Self::new("the check", problem, &remedy) }
    }
}
