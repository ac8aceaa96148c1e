use std::fmt;
use std::time::Duration;

use ampsync_schema::{Conflict, InvalidIdent, QualifiedName, SchemaError};
use sync_core::Causes;

use crate::encode::{UnsupportedColumn, ValueError};
use crate::hazard::Hazard;
use crate::revision::Obstacle;
use crate::server_error::ServerError;
use crate::tls::TlsError;
use crate::writer::Writer;

/// What can go wrong with the PostgreSQL sink. No variant holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server, or the connection to it, failed.
    #[error("could not {doing}")]
    Server {
        /// What was being done.
        doing: &'static str,
        /// What the server or the connection said.
        #[source]
        source: ServerError,
    },
    /// None of several servers took the connection.
    #[error("could not connect to the database: {}", List(failures))]
    Servers {
        /// What each of them said, in the order in which they were tried.
        failures: Vec<ServerFailure>,
    },
    /// The connection leads through a pooler that gives each transaction whichever session of the
    /// server is free. The right to write, prepared statements and settings belong to a session.
    #[error("the database is behind a pooler that gives each transaction another session")]
    TransactionPooling,
    /// The TLS options do not go together.
    #[error("the database settings cannot work")]
    Tls(#[source] Box<TlsError>),
    /// The server gave no answer in time.
    #[error("could not {doing}: no answer for {} s", limit.as_secs())]
    Stalled {
        /// What was being done.
        doing: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// All connections were busy for too long.
    #[error("no database connection became free within {} s", limit.as_secs())]
    NoConnection {
        /// How long was waited.
        limit: Duration,
    },
    /// The connection settings cannot work.
    #[error("the database settings cannot work: {0}")]
    Settings(&'static str),
    /// The table's name is not one.
    #[error("not a table name")]
    Name(#[from] InvalidIdent),
    /// The stream's columns cannot be a table.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Columns have types that this sink cannot write yet.
    #[error("table {table} cannot be written: {}", List(columns))]
    Unsupported {
        /// The table.
        table: QualifiedName,
        /// The columns, at least one.
        columns: Vec<UnsupportedColumn>,
    },
    /// The table that is there cannot hold the stream's columns.
    #[error("table {table} cannot hold the stream: {}", List(conflicts))]
    Conflict {
        /// The table.
        table: QualifiedName,
        /// Why, at least one reason.
        conflicts: Vec<Conflict>,
    },
    /// The server refused a statement that the table needs.
    #[error("table {table} cannot be changed: {statement}")]
    Alter {
        /// The table.
        table: QualifiedName,
        /// The statement.
        statement: String,
        /// Why the server refused it.
        #[source]
        source: ServerError,
    },
    /// Rows that are there do not obey a key or a unique index that the table needs.
    #[error("table {table} cannot be changed: {statement}: {}", Disobeyed(values.as_deref()))]
    RowsDisobey {
        /// The table.
        table: QualifiedName,
        /// The statement that would be refused.
        statement: String,
        /// Values that several rows share; none where a row lacks a value of the key.
        values: Option<String>,
    },
    /// The table was changed, and still is not what it has to be.
    #[error("table {table} was changed and still differs: {}", differences.join("; "))]
    StillDiffers {
        /// The table.
        table: QualifiedName,
        /// What remains, at least one: reasons, or the statements that did not help.
        differences: Vec<String>,
    },
    /// Rows would not be safe in the table that is there.
    #[error("rows would not be safe in table {table}: {}", List(hazards))]
    Unsafe {
        /// The table.
        table: QualifiedName,
        /// Why, at least one reason.
        hazards: Vec<Hazard>,
    },
    /// Our role lacks a privilege.
    #[error("role {role:?} may not {what}")]
    Privilege {
        /// The role.
        role: String,
        /// What it may not do.
        what: String,
        /// The statement that allows it.
        statement: String,
    },
    /// The table was written from another dataset or query, which must not be mixed.
    #[error("table {table} was written from {what} {stored:?}, not from {wanted:?}")]
    Identity {
        /// The table.
        table: QualifiedName,
        /// What differs.
        what: &'static str,
        /// What the checkpoint says.
        stored: String,
        /// What was asked for.
        wanted: String,
    },
    /// The stream no longer has columns that the table's rows have.
    #[error("the stream no longer has these columns of table {table}: {}", columns.join(", "))]
    ColumnsGone {
        /// The table.
        table: QualifiedName,
        /// The columns, at least one.
        columns: Vec<String>,
        /// The statements that take the columns out of the stream's way and keep their values.
        aside: Vec<String>,
    },
    /// The table has rows but no checkpoint: they are not ours.
    #[error("table {0} has rows that did not come from this stream")]
    ForeignRows(QualifiedName),
    /// There is a checkpoint, but the table is gone.
    #[error("table {0} is gone, but its checkpoint is not")]
    TableGone(QualifiedName),
    /// Another instance writes the table.
    #[error("table {table} is being written{}", By(writer.as_deref()))]
    InUse {
        /// The table.
        table: QualifiedName,
        /// By whom, unless they have stopped meanwhile.
        writer: Option<Box<Writer>>,
    },
    /// There is no checkpoint of the table.
    #[error("ampsync has no checkpoint of table {0}")]
    NotKept(QualifiedName),
    /// The table was begun to take another one's place, and has taken it or was given up.
    #[error("table {0} is no longer being filled: it is in place, or was given up")]
    Superseded(QualifiedName),
    /// The table is not as far as the one whose place it is to take.
    #[error("table {table} is not yet as far as the one whose place it is to take")]
    Behind {
        /// The table.
        table: QualifiedName,
    },
    /// Somebody's lock keeps the table from being exchanged.
    #[error("table {table} is locked{}", Holder(by.as_deref()))]
    Locked {
        /// The table.
        table: QualifiedName,
        /// Who has locks on it, where that could be found out.
        by: Option<String>,
    },
    /// Something depends on the table that could not be carried over to another one.
    #[error("table {table} cannot be replaced: {}", List(obstacles))]
    Blocked {
        /// The table.
        table: QualifiedName,
        /// What depends on it, at least one.
        obstacles: Vec<Obstacle>,
    },
    /// The name belongs to something that is not a table.
    #[error("{0} is not a table")]
    NotATable(QualifiedName),
    /// A newer release has changed the bookkeeping.
    #[error("schema ampsync has version {found}, this release knows {known}")]
    NewerBookkeeping {
        /// The version that is there.
        found: i32,
        /// The highest version this release knows.
        known: i32,
    },
    /// The bookkeeping holds something that cannot be.
    #[error("the bookkeeping of table {table} is damaged: {what}")]
    Damaged {
        /// The table.
        table: QualifiedName,
        /// What is wrong.
        what: &'static str,
    },
    /// A value cannot be stored.
    #[error("table {table}, column {column:?}, {}", block.map_or("no block".to_owned(), |block| format!("block {block}")))]
    Value {
        /// The table.
        table: QualifiedName,
        /// The column.
        column: String,
        /// The block of the row, where it is known.
        block: Option<u64>,
        /// What is wrong with the value.
        #[source]
        source: Box<ValueError>,
    },
    /// Rows have other columns than the table was prepared for.
    #[error("rows for table {table} have other columns than it was prepared for: {what}")]
    OtherColumns {
        /// The table.
        table: QualifiedName,
        /// The first difference.
        what: String,
    },
    /// A commit could not be announced, because a listener does not take its notifications.
    #[error("the commit could not be announced")]
    NotifyQueueFull {
        /// What the server said.
        #[source]
        source: ServerError,
    },
    /// The right to write was lost with the connection that held it, or never taken.
    #[error("the right to write the table was lost")]
    LeaseLost,
    /// Another sink of this process has the table open.
    #[error("table {0} is already open in this process")]
    AlreadyOpen(QualifiedName),
    /// A number from the stream does not fit a `bigint`.
    #[error("{what} {value} is above 9223372036854775807")]
    TooLarge {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: u64,
    },
}

impl Error {
    /// For `map_err`: what was being done when the server failed.
    pub(crate) fn server(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Server { doing, source: source.into() }
    }

    /// The same, when a session was being opened in the middle of the work.
    ///
    /// It can pass, whatever it is: the same login has worked before, and during a maintenance
    /// roles are locked, passwords and certificates renewed and databases restored.
    pub(crate) fn while_connecting(mut self) -> Self {
        if let Self::Server { source, .. } = &mut self {
            source.connecting = true;
        }
        if let Self::Servers { failures } = &mut self {
            failures.iter_mut().for_each(|failure| failure.source.connecting = true);
        }
        self
    }

    /// The error of a commit that was announced: PostgreSQL has one code for a queue that is full,
    /// which passes, and for rows that are too large, which are refused long before the commit.
    pub(crate) fn of_announced_commit(self) -> Self {
        let Self::Server { doing, source } = self else { return self };
        match source.code() {
            Some("54000") => Self::NotifyQueueFull { source },
            _ => Self::Server { doing, source },
        }
    }

    /// Whether the table that is there cannot hold the stream's rows as they are wanted, while another
    /// could take its place. What somebody has added to it is never replaced.
    #[must_use]
    pub fn is_unfit(&self) -> bool {
        if let Self::Conflict { conflicts, .. } = self {
            return !conflicts.iter().any(|conflict| conflict.foreign);
        }
        matches!(self, Self::ColumnsGone { .. })
    }

    /// See [`ServerError::is_refusal`].
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Server { source, .. } | Self::NotifyQueueFull { source }
            if source.is_refusal())
    }
}

/// Why one of several servers did not take the connection.
#[derive(Debug)]
pub struct ServerFailure {
    /// The server: host and port.
    pub server: String,
    /// What it said.
    pub source: ServerError,
}

impl fmt::Display for ServerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, Causes(&self.source))
    }
}

/// Who writes a table, as far as it is known.
struct By<'a>(Option<&'a Writer>);

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |writer| write!(f, " by {writer}"))
    }
}

/// Who has a lock, as far as it is known.
struct Holder<'a>(Option<&'a str>);

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |by| write!(f, " by {by}"))
    }
}

/// How rows break what would be asked of them.
struct Disobeyed<'a>(Option<&'a str>);

impl fmt::Display for Disobeyed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(values) => write!(f, "several rows have the values ({values})"),
            None => f.write_str("a row has no value in one of the columns"),
        }
    }
}

struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{item}")?;
        }
        Ok(())
    }
}
