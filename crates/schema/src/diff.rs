//! How a wanted table and one that is there differ.

use std::fmt;

use crate::change::Change;
use crate::convert;
use crate::existing::{ExistingColumn, ExistingIndex, ExistingTable};
use crate::naming::BLOCK_INDEX;
use crate::options::IndexMethod;
use crate::step::Step;
use crate::table::{Column, Index, Table};

/// How the table that is there differs from the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It holds what is wanted, perhaps among more columns and indexes and in another order.
    Equal,
    /// It lacks what can be added without touching a row: columns that may be null, indexes, a
    /// primary key, comments. The rows may still refuse a key or a unique index.
    Additive(Vec<Change>),
    /// It cannot hold what is wanted: every reason at once. [`Table::alter`] has the changes that
    /// end them, together with what is missing besides.
    Conflicting(Vec<Conflict>),
}

/// One reason why a table cannot hold what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// What is different.
    pub part: Part,
    /// What it should be.
    pub wanted: String,
    /// What it is.
    pub found: String,
    /// What would reconcile the two, in this order and after the changes of the conflicts before
    /// it.
    pub changes: Vec<Change>,
    /// What those changes do to the values that are there.
    pub cost: Cost,
    /// Whether it is about a column that the stream does not have: somebody has added it.
    pub foreign: bool,
}

/// What of a table is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A column, by its name.
    Column(String),
    /// The primary key.
    PrimaryKey,
}

/// What changes do to the values that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cost {
    /// They stay, or the statement is refused.
    #[default]
    None,
    /// They may be rounded or cut to the new type.
    Rounded,
    /// They are dropped, because none of them means anything in the new type. Rows that are there
    /// get the stream's values only when the table is streamed anew.
    Dropped,
    /// The rows that are there have no value in the new column: they get the stream's only when
    /// the table is streamed anew. A block column, and a column of the primary key, cannot be
    /// without a value: only a table without rows takes them.
    Missing,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => write!(f, "column {column:?}"),
            Self::PrimaryKey => f.write_str("the primary key"),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "values stay as they are",
            Self::Rounded => "values may be rounded or cut",
            Self::Dropped => "its values are dropped: only streaming the table anew fills it",
            Self::Missing => {
                "rows that are there get no value: only streaming the table anew fills it"
            }
        })
    }
}

/// Says what differs, then line by line what is to be done.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal => f.write_str("it holds what is wanted"),
            Self::Additive(changes) => {
                f.write_str("it lacks something:")?;
                changes.iter().try_for_each(|change| write!(f, "\n    {change}"))
            }
            Self::Conflicting(conflicts) => {
                f.write_str("it cannot hold what is wanted:")?;
                conflicts.iter().try_for_each(|conflict| {
                    write!(f, "\n  {conflict}")?;
                    if conflict.cost != Cost::None {
                        write!(f, "; {}", conflict.cost)?;
                    }
                    conflict.changes.iter().try_for_each(|change| write!(f, "\n    {change}"))
                })
            }
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, wanted, found, .. } = self;
        write!(f, "{part} should be {wanted} and is {found}")
    }
}

impl Table {
    /// How `existing` differs from this table.
    #[must_use]
    pub fn difference(&self, existing: &ExistingTable) -> Difference {
        let (conflicts, additions) = Comparison::new(self, existing).run();
        if !conflicts.is_empty() {
            Difference::Conflicting(conflicts)
        } else if !additions.is_empty() {
            Difference::Additive(additions)
        } else {
            Difference::Equal
        }
    }

    /// Everything that makes `existing` hold what is wanted, in order: first what ends the
    /// conflicts, then what is missing. Nothing if they are equal.
    #[must_use]
    pub fn alter(&self, existing: &ExistingTable) -> Vec<Change> {
        let (conflicts, additions) = Comparison::new(self, existing).run();
        let reconciling = conflicts.into_iter().flat_map(|conflict| conflict.changes);
        reconciling.chain(additions).collect()
    }
}

/// A comparison under way: each step is done to a description, so that the next one knows what
/// the ones before it have left.
struct Comparison<'a> {
    table: &'a Table,
    now: ExistingTable,
}

impl<'a> Comparison<'a> {
    fn new(table: &'a Table, existing: &ExistingTable) -> Self {
        Self { table, now: existing.clone() }
    }

    fn run(mut self) -> (Vec<Conflict>, Vec<Change>) {
        self.steps()
    }

    /// The conflicts, and what is missing besides; afterwards the description is what is wanted.
    fn steps(&mut self) -> (Vec<Conflict>, Vec<Change>) {
        let mut conflicts = Vec::new();
        for column in self.table.columns() {
            match self.find(column.name.as_str()) {
                Some(found) => conflicts.extend(self.compare(column, found)),
                None if column.nullable => {}
                None => conflicts.push(self.missing(column)),
            }
        }
        let extra = |found: &&ExistingColumn| {
            !self.table.columns().iter().any(|column| column.name.as_str() == found.name)
        };
        let extras: Vec<_> = self.now.columns.iter().filter(extra).cloned().collect();
        conflicts.extend(extras.into_iter().filter_map(|extra| self.extra(extra)));
        conflicts.extend(self.other_key());
        let additions = self.additions();
        (conflicts, additions)
    }

    fn find(&self, name: &str) -> Option<ExistingColumn> {
        self.now.columns.iter().find(|column| column.name == name).cloned()
    }

    fn step(&mut self, step: Step<'_>) -> Change {
        let change = step.change(self.table.name(), &self.now);
        step.apply(self.table.name(), &mut self.now);
        change
    }

    fn compare(&mut self, column: &Column, found: ExistingColumn) -> Option<Conflict> {
        let fits = column.ty.fits(&found.ty) && !found.generated;
        let null_fits = found.nullable || !column.nullable;
        if fits && null_fits {
            return None;
        }
        let in_key = self.in_key(&found.name);
        let conversion = convert::into(&found.name, &found.ty, &column.ty);
        let mut changes = Vec::new();
        let mut cost = Cost::None;
        match conversion.filter(|_| !found.generated) {
            _ if fits => {}
            Some(conversion) => {
                if conversion.rounds {
                    cost = Cost::Rounded;
                }
                // The statement that goes back would take the key with it.
                if in_key && convert::out_of(&found.name, &column.ty, &found.ty).is_none() {
                    changes.push(self.step(Step::DropPrimaryKey));
                }
                changes.extend(self.drop_unfit_indexes(column));
                changes.extend(self.drop_identity(&found));
                changes.push(self.step(Step::SetType { column }));
            }
            None => {
                cost = Cost::Dropped;
                if in_key {
                    changes.push(self.step(Step::DropPrimaryKey));
                }
                changes.push(self.step(Step::DropColumn { column: found.name.clone() }));
                changes.push(self.add(column));
            }
        }
        if cost != Cost::Dropped && !null_fits {
            if fits {
                changes.extend(self.drop_identity(&found));
            }
            changes.extend(self.drop_not_null(&found.name));
        }
        let generated = if found.generated { "generated " } else { "" };
        let (wanted_null, null) = match (null_fits, in_key) {
            (true, _) => ("", ""),
            (false, true) => (" NULL", " NOT NULL, being in the primary key"),
            (false, false) => (" NULL", " NOT NULL"),
        };
        let wanted = format!("{}{wanted_null}", column.ty);
        let found_as = format!("{generated}{}{null}", found.ty);
        let part = Part::Column(found.name);
        Some(Conflict { part, wanted, found: found_as, changes, cost, foreign: false })
    }

    fn in_key(&self, column: &str) -> bool {
        self.now.primary_key.iter().any(|key| key == column)
    }

    fn missing(&mut self, column: &Column) -> Conflict {
        let wanted = format!("{} NOT NULL", column.ty);
        let part = Part::Column(column.name.as_str().to_owned());
        let changes = vec![self.add(column)];
        let (found, cost) = ("missing".to_owned(), Cost::Missing);
        Conflict { part, wanted, found, changes, cost, foreign: false }
    }

    /// Adds a column in such a way that a table with rows takes it too. Without a block number
    /// or a key's value no row can stay, so those columns are only for tables without rows.
    fn add(&mut self, column: &Column) -> Change {
        let needed = column.name == *self.table.block_column()
            || self.table.primary_key().contains(&column.name);
        self.step(Step::AddColumn { column, nullable: !needed })
    }

    fn drop_unfit_indexes(&mut self, column: &Column) -> Vec<Change> {
        let name = column.name.as_str();
        let unfit = |index: &&ExistingIndex| {
            let method: Option<IndexMethod> = index.method.parse().ok();
            index.columns.iter().any(|other| other == name)
                && method.is_some_and(|method| !method.holds(&column.ty))
        };
        let unfit: Vec<_> = self.now.indexes.iter().filter(unfit).cloned().collect();
        unfit.into_iter().map(|index| self.step(Step::DropIndex { index })).collect()
    }

    /// An identity is a number and never null, whatever else the column should be.
    fn drop_identity(&mut self, found: &ExistingColumn) -> Option<Change> {
        let column = found.name.clone();
        found.has_default.then(|| self.step(Step::DropIdentity { column }))
    }

    fn drop_not_null(&mut self, column: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.in_key(column) {
            changes.push(self.step(Step::DropPrimaryKey));
        }
        changes.push(self.step(Step::DropNotNull { column: column.to_owned() }));
        changes
    }

    /// A column that the stream does not have must be filled by PostgreSQL.
    fn extra(&mut self, found: ExistingColumn) -> Option<Conflict> {
        if found.nullable || found.has_default || found.generated {
            return None;
        }
        let key = if self.in_key(&found.name) { ", being in the primary key" } else { "" };
        let changes = self.drop_not_null(&found.name);
        let wanted = "nullable or with a default (the stream does not have it)".to_owned();
        let found_as = format!("{} NOT NULL{key}", found.ty);
        let part = Part::Column(found.name);
        let cost = Cost::None;
        Some(Conflict { part, wanted, found: found_as, changes, cost, foreign: true })
    }

    fn other_key(&mut self) -> Option<Conflict> {
        let wanted = self.key();
        if wanted.is_empty() || self.now.primary_key.is_empty() || self.now.primary_key == wanted {
            return None;
        }
        let names = |columns: &[String]| crate::sql::list(columns.iter().map(String::as_str));
        let (wanted_as, found) = (names(&wanted), names(&self.now.primary_key));
        let changes = vec![
            self.step(Step::DropPrimaryKey),
            self.step(Step::AddPrimaryKey { columns: wanted }),
        ];
        Some(Conflict {
            part: Part::PrimaryKey,
            wanted: wanted_as,
            found,
            changes,
            cost: Cost::None,
            foreign: false,
        })
    }

    fn key(&self) -> Vec<String> {
        self.table.primary_key().iter().map(|column| column.as_str().to_owned()).collect()
    }

    fn additions(&mut self) -> Vec<Change> {
        let table = self.table;
        let mut changes = Vec::new();
        for column in table.columns() {
            if self.find(column.name.as_str()).is_none() {
                changes.push(self.step(Step::AddColumn { column, nullable: column.nullable }));
            }
        }
        let columns = self.key();
        if self.now.primary_key.is_empty() && !columns.is_empty() {
            changes.push(self.step(Step::AddPrimaryKey { columns }));
        }
        for index in table.indexes() {
            if !self.has(index) {
                changes.push(self.step(Step::CreateIndex { index }));
            }
        }
        changes.extend(self.comments());
        changes
    }

    /// Whether an index does what the wanted one would do.
    fn has(&self, wanted: &Index) -> bool {
        let names: Vec<_> = wanted.columns.iter().map(|column| column.as_str()).collect();
        // Whatever begins with the block column finds its rows.
        let is_block = names == [self.table.block_column().as_str()]
            && wanted.method == BLOCK_INDEX
            && !wanted.unique;
        let serves = |columns: &[String]| {
            columns == names
                || (is_block && columns.first().map(String::as_str) == names.first().copied())
        };
        let key = &self.now.primary_key;
        let key_serves = wanted.method == IndexMethod::BTree && !key.is_empty() && serves(key);
        key_serves
            || self.now.indexes.iter().any(|index| {
                index.whole
                    && index.method == wanted.method.to_string()
                    && (index.unique || !wanted.unique)
                    && serves(&index.columns)
            })
    }

    fn comments(&mut self) -> Vec<Change> {
        let table = self.table;
        let mut changes = Vec::new();
        if let Some(comment) = table.comment().filter(|wanted| differs(wanted, &self.now.comment)) {
            changes.push(self.step(Step::CommentTable { comment }));
        }
        for column in table.columns() {
            let name = column.name.as_str();
            let found = self.find(name).and_then(|found| found.comment);
            if let Some(comment) = &column.comment
                && differs(comment, &found)
            {
                changes.push(self.step(Step::CommentColumn { column: name, comment }));
            }
        }
        changes
    }
}

/// PostgreSQL takes an empty comment for none.
fn differs(wanted: &str, found: &Option<String>) -> bool {
    found.as_deref().unwrap_or_default() != wanted
}

#[cfg(test)]
mod tests;
