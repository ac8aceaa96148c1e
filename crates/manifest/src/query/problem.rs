use std::fmt;

use sqlparser::tokenizer::{Location, Span};

use crate::diagnostic::Position;
use crate::names::TableName;

/// One reason why a query cannot be streamed, for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    position: Option<Position>,
    problem: String,
    remedy: String,
}

impl Problem {
    pub(super) fn new(span: Span, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { position: position(span.start), problem: problem.into(), remedy: remedy.into() }
    }

    pub(super) fn at(
        location: Location,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Span::new(location, location), problem, remedy)
    }

    /// Where in the query, unless it is the query as a whole.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// What was found.
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

/// The parser knows the place of most things; line zero is its way to say that it does not.
pub(super) fn position(location: Location) -> Option<Position> {
    let number = |value: u64| usize::try_from(value).ok().filter(|value| *value > 0);
    Some(Position { line: number(location.line)?, column: number(location.column)? })
}

/// Everything that is wrong with the query of a table; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    table: TableName,
    problems: Vec<Problem>,
}

impl Problems {
    /// The problems, in the order of the query, if there are any.
    pub(super) fn new(table: &TableName, mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by_key(Problem::position);
        problems.dedup();
        if problems.is_empty() { None } else { Some(Self { table: table.clone(), problems }) }
    }

    pub(super) fn one(table: &TableName, problem: Problem) -> Self {
        Self { table: table.clone(), problems: vec![problem] }
    }

    /// Whose query it is.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// The problems, in the order of the query.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.problems.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { position, problem, remedy }) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", self.table)?;
            if let Some(Position { line, column }) = position {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": {problem} ({remedy})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
