use std::path::Path;
use std::process::{Command, ExitStatus};

use super::programs::{NotFound, Programs};

/// Why PostgreSQL is still missing.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// It has to be installed by a person.
    #[error(transparent)]
    ByHand(NotFound),
    /// Nobody packages this major version for any machine.
    #[error("there is no PostgreSQL {0} here; name the folder that has its programs in PG_BIN_{0}")]
    NoVersion(u32),
    /// PgBouncer has to be installed by a person.
    #[error("there is no pgbouncer here: install it (Debian: apt-get install pgbouncer)")]
    NoPgBouncer,
    /// The package manager could not be run.
    #[error("could not run {command}")]
    Run {
        /// The command.
        command: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The package manager failed.
    #[error("`{command}` ended with {status}")]
    Failed {
        /// The command.
        command: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
}

/// Finds PostgreSQL's programs; on a Debian where this process is root, installs them first if
/// they are missing. The package manager's output goes to this process's.
///
/// # Errors
/// When they are missing and cannot be installed here: the error has the command to run.
pub fn install_if_missing() -> Result<Programs, InstallError> {
    let missing = match Programs::find() {
        Ok(found) => return Ok(found),
        Err(missing) => missing,
    };
    if !may_install() {
        return Err(InstallError::ByHand(missing));
    }
    apt("apt-get update", &["update"])?;
    let install = ["install", "-y", "--no-install-recommends", "postgresql"];
    apt("apt-get install -y postgresql", &install)?;
    Programs::find().map_err(InstallError::ByHand)
}

/// Whether this is a Debian that this process may install packages on.
pub(crate) fn may_install() -> bool {
    rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists()
}

pub(crate) fn apt(command: &'static str, arguments: &[&str]) -> Result<(), InstallError> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .map_err(|source| InstallError::Run { command, source })?;
    if status.success() { Ok(()) } else { Err(InstallError::Failed { command, status }) }
}
