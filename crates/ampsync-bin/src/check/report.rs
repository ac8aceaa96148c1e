use std::collections::BTreeSet;
use std::fmt;

use ampsync_schema::QualifiedName;
use sink_postgres::{Obstacle, Writer};
use sync_core::OneLine;
use sync_core::chain::Cursor;

use super::problem::Problem;
use crate::run::Exit;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) problems: Vec<Problem>,
    /// What could not be looked at, and why.
    unchecked: Vec<String>,
    /// What is worth knowing and in nobody's way.
    notes: Vec<String>,
    pub(super) endpoint: Option<String>,
    pub(super) dataset: Option<String>,
    pub(super) database: Option<String>,
    pub(super) tables: Vec<PlannedStart>,
}

/// What a start would do with a table.
#[derive(Debug)]
pub(super) struct PlannedStart {
    /// What the dataset calls it.
    pub(super) table: String,
    pub(super) sql: String,
    pub(super) target: QualifiedName,
    /// From where it would go on.
    pub(super) cursor: Option<Cursor>,
    /// Through which block there are rows that would be deleted first.
    pub(super) provisional: Option<u64>,
    /// The statements that would change the database.
    pub(super) changes: Vec<String>,
    pub(super) writer: Option<Writer>,
    /// Whether the target is there.
    pub(super) exists: bool,
    /// Where its rows are to take the place of others.
    pub(super) migration: Option<Migration>,
}

/// A table that is filled to take another one's place.
#[derive(Debug)]
pub(super) struct Migration {
    /// Whose place.
    pub(super) of: QualifiedName,
    /// What is built on the new table, once it is filled.
    pub(super) completing: Vec<String>,
    pub(super) exchange: Vec<String>,
    pub(super) obstacles: Vec<Obstacle>,
}

impl Report {
    /// Adds a problem, unless another part has run into the same.
    pub(super) fn problem(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn unchecked(&mut self, what: &str) {
        if !self.unchecked.iter().any(|told| told == what) {
            self.unchecked.push(what.to_owned());
        }
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// A mistake weighs more than an outage: waiting does not help it.
    pub(super) fn exit(&self) -> Exit {
        if self.problems.is_empty() {
            Exit::Clean
        } else if self.problems.iter().all(|problem| problem.outage) {
            Exit::Failed
        } else {
            Exit::Mistake
        }
    }

    fn plan(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Nothing is in the way of a start.\n")?;
        for (what, value) in
            [("server", &self.endpoint), ("dataset", &self.dataset), ("database", &self.database)]
        {
            if let Some(value) = value {
                writeln!(f, "  {what:<10}{value}")?;
            }
        }
        // Several tables may need the same schema.
        let mut told = BTreeSet::new();
        for start in &self.tables {
            write!(f, "\n{start}")?;
            for change in start.changes.iter().filter(|change| told.insert(change.as_str())) {
                for (index, line) in change.lines().enumerate() {
                    let sign = if index == 0 { "+" } else { " " };
                    writeln!(f, "  {sign} {line}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for PlannedStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} into {}", self.table, self.target)?;
        writeln!(f, "    {}", OneLine(&self.sql))?;
        match &self.cursor {
            Some(cursor) => {
                writeln!(f, "    goes on after block {} {}", cursor.number, cursor.hash)?
            }
            None => writeln!(f, "    begins with the first block")?,
        }
        if let Some(migration) = &self.migration {
            writeln!(f, "    and takes the place of {} then", migration.of)?;
            for obstacle in &migration.obstacles {
                writeln!(f, "    which is not done as long as there is {obstacle}")?;
            }
        }
        if let Some(block) = self.provisional {
            writeln!(f, "    after deleting its rows beyond that, through block {block}")?;
        }
        if let Some(writer) = &self.writer {
            writeln!(f, "    is written by another instance now ({writer}): a second stands by")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            0 => self.plan(f)?,
            1 => writeln!(f, "There is a problem.")?,
            count => writeln!(f, "There are {count} problems.")?,
        }
        for Problem { subject, problem, remedy, .. } in &self.problems {
            writeln!(f, "\n  {subject}: {problem}")?;
            for line in remedy.iter().flat_map(|remedy| remedy.lines()) {
                writeln!(f, "      {line}")?;
            }
        }
        for (heading, lines) in [("Not checked:", &self.unchecked), ("Worth knowing:", &self.notes)]
        {
            if !lines.is_empty() {
                writeln!(f, "\n{heading}")?;
                lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
            }
        }
        Ok(())
    }
}
