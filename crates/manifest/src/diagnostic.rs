//! What is wrong with a file, for the person who wrote it.

use std::fmt;
use std::path::{Path, PathBuf};

/// One problem: where it is, what was expected, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    file: PathBuf,
    /// Boxed, so that a result with a diagnostic stays small.
    place: Option<Box<Place>>,
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
            place: None,
            path: String::new(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// The same problem, at a place of `text`, which is the file's.
    pub(crate) fn at(mut self, text: &str, position: Position, path: &str) -> Self {
        self.place = Some(Box::new(Place { position, line: SourceLine::of(text, position) }));
        self.path = path.to_owned();
        self
    }

    /// The same problem, at a place of the document that cannot be told in the text.
    pub(crate) fn at_path(mut self, path: &str) -> Self {
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
        self.place.as_ref().map(|place| place.position)
    }

    /// Where in the document, such as `tables.transfers.sql`; empty for the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the text with a mark below the place, as lines of their own without a newline
    /// at the end; not where the place is not known.
    #[must_use]
    pub fn frame(&self) -> Option<String> {
        let Place { position, line } = self.place.as_deref()?;
        let (number, line) = (position.line.to_string(), line.as_ref()?);
        let margin = " ".repeat(number.len());
        let (text, mark) = (&line.text, " ".repeat(line.before));
        Some(format!("  {margin} |\n  {number} | {text}\n  {margin} | {mark}^"))
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
    /// The place and the problem, the line of the text with a mark below, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Position { line, column }) = self.position() {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.problem)?;
        if let Some(frame) = self.frame() {
            write!(f, "\n{frame}")?;
        }
        write!(f, "\n  help: {}", self.remedy)
    }
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    position: Position,
    /// Not where the line is empty.
    line: Option<SourceLine>,
}

/// A line of the text, as much of it as is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SourceLine {
    text: String,
    /// How many characters of `text` are in front of the place.
    before: usize,
}

impl SourceLine {
    /// More characters of a line than this are not shown, and of them no more than half before the
    /// place: a built manifest is often one line.
    const CHARS_MAX: usize = 100;

    fn of(text: &str, Position { line, column }: Position) -> Option<Self> {
        // Control characters would move the mark, or the terminal.
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let whole: Vec<char> = text.lines().nth(line.checked_sub(1)?)?.chars().map(plain).collect();
        let before = column.saturating_sub(1).min(whole.len());
        let start = if whole.len() <= Self::CHARS_MAX {
            0
        } else {
            before.saturating_sub(Self::CHARS_MAX / 2).min(whole.len() - Self::CHARS_MAX)
        };
        let shown = whole.get(start..)?;
        let cut = shown.len() > Self::CHARS_MAX;
        let shown = shown.get(..Self::CHARS_MAX).unwrap_or(shown);
        let (head, tail) = (if start > 0 { "…" } else { "" }, if cut { "…" } else { "" });
        let text: String = head.chars().chain(shown.iter().copied()).chain(tail.chars()).collect();
        let before = before - start + head.chars().count();
        let text = text.trim_end().to_owned();
        (!text.is_empty()).then_some(Self { text, before })
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
            let separator = if index == 0 { "" } else { "\n\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
