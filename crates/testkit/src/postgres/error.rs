use std::path::PathBuf;
use std::process::ExitStatus;

use super::programs::NotFound;

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// PostgreSQL's server programs are not on this machine.
    #[error(transparent)]
    Programs(#[from] NotFound),
    /// The process is root, which PostgreSQL refuses to run as, and no other user can be used.
    #[error("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")]
    NoUser,
    /// A file or a process could not be made or read.
    #[error("could not {what} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} ended with {status}:\n{output}")]
    Program {
        /// Which.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// The server ended, or did not answer in time.
    #[error("PostgreSQL did not start; its log ends:\n{log}")]
    Start {
        /// The end of its log.
        log: String,
    },
    /// The server runs and refused a statement.
    #[error("PostgreSQL refused a statement")]
    Postgres(#[from] tokio_postgres::Error),
}

impl ClusterError {
    /// Makes an error of a file operation; `what` completes "could not".
    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
