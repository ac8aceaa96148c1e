//! The verb `plan`: what a start would change in the database, statement by statement, with the locks
//! that each takes. Found out by `check`, so by what a start does.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;
use sink_postgres::{Obstacle, TableStatus};

use super::report::{PlannedStart, Report};
use crate::status::text::{Amount, bytes};

/// The whole plan. Names are an interface: they are added to, and not changed.
#[derive(Serialize)]
pub(super) struct Plan<'a> {
    database: Option<&'a str>,
    /// Whether anything would be changed.
    changes: bool,
    tables: Vec<Table<'a>>,
}

#[derive(Serialize)]
struct Table<'a> {
    schema: &'a str,
    table: &'a str,
    /// `none`, `create`, `alter`, or `revision`.
    action: &'static str,
    /// How many rows PostgreSQL believes the table has, since it was last analyzed or vacuumed.
    rows_estimate: Option<u64>,
    bytes: Option<u64>,
    steps: Vec<Step<'a>>,
    /// What keeps a new revision from taking the table's place.
    obstacles: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    what: &'a str,
    why: &'a str,
}

/// A statement.
#[derive(Serialize)]
struct Step<'a> {
    /// `start`: at once; `filled`: once the new table is as far; `exchange`: then, in one transaction.
    when: &'static str,
    statement: &'a str,
    /// The lock that it takes on a table that is in use, if it takes one.
    lock: Option<&'static str>,
    blocks_readers: bool,
    blocks_writers: bool,
}

impl<'a> Plan<'a> {
    pub(super) fn of(report: &'a Report, stored: &'a [TableStatus]) -> Self {
        // Several tables may need the same schema.
        let mut told = BTreeSet::new();
        let tables = report.tables.iter().map(|start| table(start, stored, &mut told));
        let tables: Vec<_> = tables.collect();
        let changes = tables.iter().any(|table| !table.steps.is_empty());
        Self { database: report.database.as_deref(), changes, tables }
    }

    pub(super) fn has_changes(&self) -> bool {
        self.changes
    }

    pub(super) fn json(&self) -> String {
        // Only a map whose keys are no texts, or a value that refuses, could fail: there is neither.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            // Writing to a string cannot fail.
            table.write(&mut text).unwrap_or_default();
        }
        if !self.changes {
            text.push_str("\nNothing would be changed in the database.\n");
        }
        text
    }
}

fn table<'a>(
    start: &'a PlannedStart,
    stored: &[TableStatus],
    told: &mut BTreeSet<&'a str>,
) -> Table<'a> {
    let next = start.migration.as_ref();
    let of = next.map_or(&start.target, |migration| &migration.of);
    let storage = stored.iter().find(|status| status.table == *of);
    let storage = storage.and_then(|status| status.storage);
    let mut steps = Vec::new();
    let is_used = start.exists && next.is_none();
    for statement in start.changes.iter().filter(|change| told.insert(change.as_str())) {
        steps.push(Step::new("start", statement, is_used));
    }
    if let Some(migration) = next {
        steps.extend(migration.completing.iter().map(|one| Step::new("filled", one, false)));
        let exchange = migration.exchange.iter().map(|statement| Step {
            when: "exchange",
            statement,
            lock: Some("ACCESS EXCLUSIVE"),
            blocks_readers: true,
            blocks_writers: true,
        });
        steps.extend(exchange);
    }
    let obstacles = next.map(|migration| migration.obstacles.as_slice()).unwrap_or_default();
    Table {
        schema: of.schema.as_str(),
        table: of.name.as_str(),
        action: match (next, start.exists, steps.is_empty()) {
            (Some(_), ..) => "revision",
            (None, _, true) => "none",
            (None, true, false) => "alter",
            (None, false, false) => "create",
        },
        rows_estimate: storage.and_then(|storage| storage.rows_estimate),
        bytes: storage.map(|storage| storage.bytes),
        steps,
        obstacles: obstacles.iter().map(named).collect(),
    }
}

fn named(Obstacle { what, why, .. }: &Obstacle) -> Named<'_> {
    Named { what, why }
}

impl<'a> Step<'a> {
    /// The lock as PostgreSQL's manual has it. Nobody else uses a table that was made just now.
    fn new(when: &'static str, statement: &'a str, is_used: bool) -> Self {
        let begins = |words: &[&str]| words.iter().any(|word| statement.starts_with(word));
        let (lock, blocks_readers, blocks_writers) = match is_used {
            false => (None, false, false),
            true if begins(&["CREATE INDEX", "CREATE UNIQUE INDEX"]) => {
                (Some("SHARE"), false, true)
            }
            true if begins(&["COMMENT"]) => (Some("SHARE UPDATE EXCLUSIVE"), false, false),
            true if begins(&["CREATE SCHEMA", "the schema"]) => (None, false, false),
            true => (Some("ACCESS EXCLUSIVE"), true, true),
        };
        Self { when, statement, lock, blocks_readers, blocks_writers }
    }
}

impl Table<'_> {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        let action = match self.action {
            "revision" => "is filled anew beside the old one, and takes its place",
            "create" => "is created",
            "alter" => "is changed",
            _ => "stays as it is",
        };
        writeln!(text, "{}.{} {action}", self.schema, self.table)?;
        if let (Some(size), false) = (self.bytes, self.steps.is_empty()) {
            let rows = self.rows_estimate.map_or("an unknown number of".to_owned(), |rows| {
                format!("about {}", Amount(rows))
            });
            let size = bytes(size);
            writeln!(text, "    it has {rows} rows and {size}, as PostgreSQL last counted them")?;
        }
        let mut when = "start";
        for step in &self.steps {
            if step.when != when {
                when = step.when;
                writeln!(text, "  {}", heading(when))?;
            }
            for (index, line) in step.statement.lines().enumerate() {
                let sign = if index == 0 { "+" } else { " " };
                writeln!(text, "  {sign} {line}")?;
            }
            if let (Some(lock), true) = (step.lock, when == "start") {
                let waiting = match (step.blocks_readers, step.blocks_writers) {
                    (true, _) => "readers and writers wait",
                    (false, true) => "writers wait, readers do not",
                    (false, false) => "neither readers nor writers wait",
                };
                writeln!(text, "      takes {lock}: {waiting}")?;
            }
        }
        if !self.obstacles.is_empty() {
            writeln!(text, "  which is not done as long as there is")?;
        }
        for Named { what, why } in &self.obstacles {
            writeln!(text, "  ! {what}: {why}")?;
        }
        Ok(())
    }
}

fn heading(when: &str) -> &'static str {
    match when {
        "exchange" => {
            "then, in one transaction that takes ACCESS EXCLUSIVE on both tables: readers and writers wait"
        }
        _ => "once it has come as far, on the new table, which nobody reads",
    }
}
