use std::fmt;
use std::path::PathBuf;

/// Why the settings are read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A file is no longer as it was read.
    File(PathBuf),
    /// SIGHUP.
    Signal,
    /// The dataset's tag names another manifest.
    Tag,
    /// What failed last may have passed.
    Again,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{} has changed", path.display()),
            Self::Signal => f.write_str("SIGHUP"),
            Self::Tag => f.write_str("the dataset names another manifest"),
            Self::Again => f.write_str("the last attempt failed"),
        }
    }
}
