use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use sync_core::Fault;
use tokio_postgres::error::Severity;

use crate::{sqlstate, violation};

/// An error of the connection or of the server, written so that all the server said of it
/// reaches the reader: message, SQLSTATE, detail, and where.
pub struct ServerError {
    error: tokio_postgres::Error,
    /// Whether a session was being opened.
    connecting: bool,
}

impl From<tokio_postgres::Error> for ServerError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self { error, connecting: false }
    }
}

impl ServerError {
    /// The error of opening a session in the middle of the work.
    ///
    /// It can pass, whatever it is: the same login has worked before, and during a maintenance
    /// roles are locked, passwords renewed and databases restored.
    pub(crate) fn while_connecting(error: tokio_postgres::Error) -> Self {
        Self { error, connecting: true }
    }

    /// The SQLSTATE, where the server answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.error.code().map(tokio_postgres::error::SqlState::code)
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
        if let Some(code) = self.code() {
            let (fault, remedy) = sqlstate::verdict(code);
            let violation = self.error.as_db_error().filter(|_| code.starts_with("23"));
            let named = violation.and_then(violation::remedy).map(Cow::Owned);
            return (fault, named.or(remedy.map(Cow::Borrowed)));
        }
        // The client's own errors do not show their kind but in their text. These two cannot
        // pass; all others are about the connection.
        match self.error.to_string().as_str() {
            "invalid configuration" | "authentication error" => {
                (Fault::Permanent, Some("correct the database settings".into()))
            }
            _ => (Fault::Transient, None),
        }
    }

    /// Whether the server refused one statement and goes on, so that nothing of the statement's
    /// transaction was kept. A session that ends says nothing of a commit that was under way.
    pub(crate) fn is_refusal(&self) -> bool {
        let severity =
            self.error.as_db_error().and_then(tokio_postgres::error::DbError::parsed_severity);
        severity == Some(Severity::Error)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = self.error.as_db_error() else { return self.error.fmt(f) };
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
        self.error.fmt(f)
    }
}

impl StdError for ServerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The server's own answer is already in our text.
        if self.error.as_db_error().is_some() { None } else { self.error.source() }
    }
}
