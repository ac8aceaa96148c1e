use std::time::SystemTime;

/// An error as a person should read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableError {
    /// Who failed.
    pub class: FailureClass,
    /// The error and its causes.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// When it happened.
    pub at: SystemTime,
}

impl TableError {
    /// An error that happened at `at`.
    #[must_use]
    pub fn new(
        class: FailureClass,
        message: String,
        remedy: Option<String>,
        at: SystemTime,
    ) -> Self {
        Self { class, message, remedy, at }
    }
}

/// Who failed, as far as it says where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// The server, or the way to it.
    Server,
    /// The database that the rows go to, or the way to it.
    Database,
    /// The engine: what the server sent, or what is stored, cannot be true.
    Refused,
    /// Another writer has moved the checkpoint.
    Fenced,
    /// A defect in this program.
    Panic,
}

impl FailureClass {
    /// All of them, for whoever counts by
    /// class and wants the zeros too.
    pub const ALL: [Self; 5] =
        [Self::Server, Self::Database, Self::Refused, Self::Fenced, Self::Panic];

    /// A short name for labels: `server`, `database`, `refused`, `fenced`, `panic`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Database => "database",
            Self::Refused => "refused",
            Self::Fenced => "fenced",
            Self::Panic => "panic",
        }
    }
}
