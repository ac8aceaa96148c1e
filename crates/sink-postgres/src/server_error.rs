use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use sync_core::Fault;
use tokio_postgres::error::{DbError, Severity};

use crate::tls::TlsError;
use crate::{sqlstate, violation};

/// An error of the connection or of the server, written so that all the server said of it
/// reaches the reader: message, SQLSTATE, detail, and where.
pub struct ServerError {
    cause: Cause,
    /// Whether a session was being opened in the middle of the work.
    pub(crate) connecting: bool,
}

enum Cause {
    Postgres(tokio_postgres::Error),
    Tls(Box<TlsError>),
    NoAnswer(Duration),
}

impl From<tokio_postgres::Error> for ServerError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self { cause: Cause::Postgres(error), connecting: false }
    }
}

impl From<TlsError> for ServerError {
    fn from(error: TlsError) -> Self {
        Self { cause: Cause::Tls(Box::new(error)), connecting: false }
    }
}

impl ServerError {
    /// That nothing was heard for as long as this.
    pub(crate) fn no_answer(limit: Duration) -> Self {
        Self { cause: Cause::NoAnswer(limit), connecting: false }
    }

    /// The SQLSTATE, where the server answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        Some(self.answer()?.code().code())
    }

    /// Why TLS could not be had, if that is what went wrong.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsError> {
        match &self.cause {
            Cause::Tls(error) => Some(error),
            Cause::Postgres(_) | Cause::NoAnswer(_) => None,
        }
    }

    /// What the server answered.
    fn answer(&self) -> Option<&DbError> {
        match &self.cause {
            Cause::Postgres(error) => error.as_db_error(),
            Cause::Tls(_) | Cause::NoAnswer(_) => None,
        }
    }

    /// What the server answered beside its message, such as which objects stand in the way.
    pub(crate) fn detail(&self) -> Option<&str> {
        self.answer()?.detail()
    }

    /// Whether it is the server's own answer.
    pub(crate) fn is_answer(&self) -> bool {
        self.answer().is_some()
    }

    /// Whether our own files or options are wrong, so that the server was not even asked.
    pub(crate) fn is_mistake_of_ours(&self) -> bool {
        match self.tls() {
            None
            | Some(
                TlsError::NotOffered { .. }
                | TlsError::Certificate { .. }
                | TlsError::Refused { .. }
                | TlsError::Handshake { .. },
            ) => false,
            Some(
                TlsError::Options { .. }
                | TlsError::File { .. }
                | TlsError::Content { .. }
                | TlsError::Permissions { .. }
                | TlsError::System { .. }
                | TlsError::Setup(_),
            ) => true,
        }
    }

    pub(crate) fn verdict(&self) -> (Fault, Option<Cow<'static, str>>) {
        let (fault, remedy) = self.verdict_by_code();
        if !self.connecting {
            return (fault, remedy);
        }
        let reachable = "check that the database runs, and that its address is right";
        (Fault::Transient, Some(remedy.unwrap_or(reachable.into())))
    }

    fn verdict_by_code(&self) -> (Fault, Option<Cow<'static, str>>) {
        if let Some(answer) = self.answer() {
            let code = answer.code().code();
            if let Some(remedy) = pooler_remedy(answer) {
                return (Fault::Permanent, Some(remedy.into()));
            }
            let (fault, remedy) = sqlstate::verdict(code);
            let violation = Some(answer).filter(|_| code.starts_with("23"));
            let named = violation.and_then(violation::remedy).map(Cow::Owned);
            return (fault, named.or(remedy.map(Cow::Borrowed)));
        }
        match &self.cause {
            Cause::Tls(error) => (error.fault(), Some(error.remedy())),
            // The client's own errors do not show their kind but in their text. These two cannot
            // pass; all others are about the connection.
            Cause::Postgres(error) => match error.to_string().as_str() {
                "invalid configuration" | "authentication error" => {
                    (Fault::Permanent, Some("correct the database settings".into()))
                }
                _ => (Fault::Transient, None),
            },
            Cause::NoAnswer(_) => (Fault::Transient, None),
        }
    }

    /// Whether the server refused one statement and goes on, so that nothing of the statement's
    /// transaction was kept. A session that ends says nothing of a commit that was under way.
    pub(crate) fn is_refusal(&self) -> bool {
        self.answer().and_then(DbError::parsed_severity) == Some(Severity::Error)
    }
}

/// What helps against the refusals of a pooler, which have no code of their own.
fn pooler_remedy(answer: &DbError) -> Option<&'static str> {
    let is = |text: &str| answer.code().code() == "08P01" && answer.message().contains(text);
    if is("unsupported startup parameter") {
        Some(
            "take options out of the database settings, or let the pooler take it (PgBouncer: \
              ignore_startup_parameters = options)",
        )
    } else if is("statement pooling mode") {
        Some(
            "connect to PostgreSQL itself, or let the pooler keep whole sessions (PgBouncer: \
              pool_mode = session)",
        )
    } else {
        None
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match (&self.cause, self.answer()) {
            (_, Some(answer)) => answer,
            (Cause::Postgres(error), None) => return error.fmt(f),
            (Cause::Tls(error), None) => return error.fmt(f),
            (Cause::NoAnswer(limit), None) => {
                return write!(f, "no answer for {} s", limit.as_secs());
            }
        };
        write!(f, "{} (SQLSTATE {}", error.message(), error.code().code())?;
        for (what, value) in [
            ("schema", error.schema()),
            ("table", error.table()),
            ("column", error.column()),
            ("type", error.datatype()),
            ("constraint", error.constraint()),
            ("detail", error.detail()),
            ("hint", error.hint()),
            ("where", error.where_()),
        ] {
            if let Some(value) = value {
                write!(f, "; {what}: {value}")?;
            }
        }
        f.write_str(")")
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Postgres(error) => error.fmt(f),
            Cause::Tls(error) => error.fmt(f),
            Cause::NoAnswer(limit) => f.debug_tuple("NoAnswer").field(limit).finish(),
        }
    }
}

impl StdError for ServerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            // The server's own answer is already in our text.
            Cause::Postgres(_) if self.is_answer() => None,
            Cause::Postgres(error) => error.source(),
            Cause::Tls(error) => error.source(),
            Cause::NoAnswer(_) => None,
        }
    }
}
