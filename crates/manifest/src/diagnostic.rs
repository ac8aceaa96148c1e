//! What is wrong with a file, for the person who wrote it.

use std::fmt;
use std::path::{Path, PathBuf};

/// One problem: where it is, what was expected, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    file: PathBuf,
    position: Option<Position>,
    path: String,
    problem: String,
    remedy: String,
}

/// A place in a text. Both count from one; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset` of `text`.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        Self { line, column: before[line_start..].chars().count() + 1 }
    }

    /// The position at `line` and `column`, which count from one, of a text that starts here.
    pub(crate) fn plus(self, line: usize, column: usize) -> Self {
        let start = if line <= 1 { self.column } else { 1 };
        Self { line: self.line + line.saturating_sub(1), column: start + column.saturating_sub(1) }
    }
}

impl Diagnostic {
    /// A problem of the file as a whole.
    pub(crate) fn of_file(
        file: &Path,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            position: None,
            path: String::new(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// The same problem, at a place.
    pub(crate) fn at(mut self, position: Position, path: &str) -> Self {
        self.position = Some(position);
        self.path = path.to_owned();
        self
    }

    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where in the text, unless it is the file as a whole.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Where in the document, such as `tables.transfers.sql`; empty for the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was expected and what was found.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it, in the imperative.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {} ({})", self.problem, self.remedy)
    }
}

/// Everything that is wrong with a file, in the order of the file; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The problems, if there are any.
    pub(crate) fn new(mut problems: Vec<Diagnostic>) -> Option<Self> {
        problems.sort_by_key(Diagnostic::position);
        if problems.is_empty() { None } else { Some(Self(problems)) }
    }

    /// The problems, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.0.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(problem: Diagnostic) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
