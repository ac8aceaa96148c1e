//! Makes a table that is there one that can hold the stream's rows, or says why it cannot.

use std::sync::{Mutex, PoisonError};

use ampsync_schema::{
    AddedIndex, Change, Column, Conflict, Cost, Difference, ExistingColumn, ExistingTable, Part,
    QualifiedName, Table, quote_ident,
};

use crate::catalog::{self, Obedience, Place, Relation};
use crate::database::{Connection, Database};
use crate::error::Error;

/// Looks at tables and changes them, in the transaction that is open on the connection.
pub(crate) struct Adoption<'a> {
    pub(crate) database: &'a Database,
    pub(crate) connection: &'a Connection,
    /// The statements, where nothing is to become of them.
    pub(crate) rehearsal: Option<Rehearsed>,
}

/// What would be changed. The transaction that is open will be rolled back.
#[derive(Default)]
pub(crate) struct Rehearsed(Mutex<Notes>);

/// What a rehearsal has to tell.
#[derive(Default)]
pub(crate) struct Notes {
    /// The statements that would change the database, in their order.
    pub(crate) changes: Vec<String>,
    /// What would have taken too long to find out.
    pub(crate) unchecked: Vec<String>,
}

impl Rehearsed {
    pub(crate) fn note(&self, statement: &str) {
        self.lock().changes.push(statement.to_owned());
    }

    fn unchecked(&self, what: String) {
        self.lock().unchecked.push(what);
    }

    pub(crate) fn take(&self) -> Notes {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Notes> {
        // Lists of texts are consistent at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Adoption<'_> {
    /// The table called `name`, if there is one, and if rows can be written to it.
    pub(crate) async fn find(&self, name: &QualifiedName) -> Result<Option<Relation>, Error> {
        let find = Relation::find(self.connection, name);
        let relation = self.database.answer("look for the table", find).await?;
        if let Some(relation) = &relation {
            check(relation, name)?;
        }
        Ok(relation)
    }

    /// Whether the table has a row.
    pub(crate) async fn has_rows(&self, name: &QualifiedName) -> Result<bool, Error> {
        let has_rows = catalog::has_rows(self.connection, name);
        self.database.answer("look into the table", has_rows).await
    }

    /// Checks that the table that is there can hold the rows, and adds what it lacks. `before` are
    /// the columns that the stream had when rows were last written.
    pub(crate) async fn adopt(
        &self,
        table: &Table,
        relation: &Relation,
        before: &[String],
    ) -> Result<(), Error> {
        let mut existing = self.existing(relation).await?;
        let there: Vec<_> = existing.columns.iter().map(|column| column.name.clone()).collect();
        let gone = gone(table, &existing, before);
        if !gone.is_empty() && self.has_rows(table.name()).await? {
            return Err(columns_gone(table, &existing, gone));
        }
        let mut difference = table.difference(&existing);
        if let Difference::Conflicting(conflicts) = &difference
            && let Some(columns) = missing(table, conflicts)
            && !self.has_rows(table.name()).await?
        {
            // What only rows could stand in the way of, an empty table can have.
            for Column { name, ty, .. } in columns {
                let add = format!("ALTER TABLE {} ADD COLUMN {name} {ty} NOT NULL", table.name());
                self.alter(table.name(), relation, &add).await?;
                let mut added = ExistingColumn::default();
                (added.name, added.ty) = (name.as_str().to_owned(), ty.to_string());
                existing.columns.push(added);
            }
            if self.rehearsal.is_none() {
                existing = self.existing(relation).await?;
            }
            difference = table.difference(&existing);
        }
        match difference {
            Difference::Equal => Ok(()),
            Difference::Additive(changes) => self.add(table, relation, changes, &there).await,
            Difference::Conflicting(conflicts) => {
                Err(Error::Conflict { table: table.name().clone(), conflicts })
            }
        }
    }

    /// Adds what the table lacks, which has had the columns `there`.
    async fn add(
        &self,
        table: &Table,
        relation: &Relation,
        changes: Vec<Change>,
        there: &[String],
    ) -> Result<(), Error> {
        for change in changes {
            if let Some(index) = &change.adds
                && relation.owned
            {
                self.may_index(table.name()).await?;
                // A column that is new has no values that could break a rule.
                if index.columns.iter().all(|column| there.contains(column)) {
                    self.obeyed(table.name(), index, &change.up).await?;
                }
            }
            self.alter(table.name(), relation, &change.up).await?;
        }
        if self.rehearsal.is_some() { Ok(()) } else { self.verify(table).await }
    }

    /// Owning a table is not enough: an index is created in the table's schema.
    async fn may_index(&self, table: &QualifiedName) -> Result<(), Error> {
        let place = Place::find(self.connection, table.schema.as_str());
        let place = self.database.answer("look for the table's schema", place).await?;
        place.check(&table.schema, &format!("an index of table {table}"))
    }

    /// Whether the rows that are there obey a new key or unique index. Only a rehearsal asks:
    /// creating the index shows it too, and keeps writers waiting.
    async fn obeyed(
        &self,
        table: &QualifiedName,
        index: &AddedIndex,
        statement: &str,
    ) -> Result<(), Error> {
        let Some(rehearsal) = self.rehearsal.as_ref().filter(|_| index.unique) else {
            return Ok(());
        };
        match catalog::disobeyed(self.database, self.connection, table, index).await? {
            Obedience::Obeyed => Ok(()),
            Obedience::Shared(values) => Err(disobey(table, statement, Some(values))),
            Obedience::Missing => Err(disobey(table, statement, None)),
            Obedience::Unknown => {
                rehearsal.unchecked(format!(
                    "whether the rows of table {table} obey what it lacks, because there are too \
                     many to look at: {statement}"
                ));
                Ok(())
            }
        }
    }

    /// Makes one change to a table that is there. A rehearsal only notes it: others use the table,
    /// and would wait.
    async fn alter(
        &self,
        table: &QualifiedName,
        relation: &Relation,
        statement: &str,
    ) -> Result<(), Error> {
        let Some(rehearsal) = &self.rehearsal else { return self.change(table, statement).await };
        if !relation.owned {
            let (role, statement) = (relation.role.clone(), statement.to_owned());
            let what = format!("change table {table}, which lacks something");
            return Err(Error::Privilege { role, what, statement });
        }
        rehearsal.note(statement);
        Ok(())
    }

    /// Makes one change, which may take long: of a large table, or behind a lock.
    pub(crate) async fn change(&self, table: &QualifiedName, statement: &str) -> Result<(), Error> {
        match &self.rehearsal {
            Some(rehearsal) => rehearsal.note(statement),
            None => tracing::info!(%table, statement, "changing the database"),
        }
        let change = self.connection.batch_execute(statement);
        match self.database.long_answer("change the table", change).await {
            Err(Error::Server { source, .. }) if source.code().is_some() => {
                let (table, statement) = (table.clone(), statement.to_owned());
                Err(Error::Alter { table, statement, source })
            }
            answer => answer,
        }
    }

    /// Checks that the table is now what it has to be, so that nothing is changed for ever.
    pub(crate) async fn verify(&self, table: &Table) -> Result<(), Error> {
        let name = table.name();
        let Some(relation) = self.find(name).await? else {
            let differences = vec!["it is not there".to_owned()];
            return Err(Error::StillDiffers { table: name.clone(), differences });
        };
        let differences: Vec<_> = match table.difference(&self.existing(&relation).await?) {
            Difference::Equal => return Ok(()),
            Difference::Additive(changes) => changes.into_iter().map(|change| change.up).collect(),
            Difference::Conflicting(conflicts) => {
                conflicts.iter().map(ToString::to_string).collect()
            }
        };
        Err(Error::StillDiffers { table: name.clone(), differences })
    }

    async fn existing(&self, relation: &Relation) -> Result<ExistingTable, Error> {
        let existing = relation.existing(self.connection);
        self.database.answer("read the table's columns and indexes", existing).await
    }
}

fn disobey(table: &QualifiedName, statement: &str, values: Option<String>) -> Error {
    Error::RowsDisobey { table: table.clone(), statement: statement.to_owned(), values }
}

/// Whether rows can be written to the table, and stay there until we delete them.
fn check(relation: &Relation, name: &QualifiedName) -> Result<(), Error> {
    if !relation.is_table() {
        return Err(Error::NotATable(name.clone()));
    }
    if !relation.reachable {
        let what = format!("use schema {}", name.schema.as_str());
        let role = quote_ident(&relation.role);
        let statement = format!("GRANT USAGE ON SCHEMA {} TO {role}", name.schema);
        return Err(Error::Privilege { role: relation.role.clone(), what, statement });
    }
    if !relation.denied.is_empty() {
        let denied = relation.denied.join(", ");
        let what = format!("{denied} in table {name}");
        let statement =
            format!("GRANT {denied} ON TABLE {name} TO {}", quote_ident(&relation.role));
        return Err(Error::Privilege { role: relation.role.clone(), what, statement });
    }
    if !relation.hazards.is_empty() {
        let hazards = relation.hazards.clone();
        return Err(Error::Unsafe { table: name.clone(), hazards });
    }
    Ok(())
}

/// The columns that the stream had and has no longer, and that the table still has. One that
/// somebody dropped or renamed is nobody's business any more.
fn gone(table: &Table, existing: &ExistingTable, before: &[String]) -> Vec<String> {
    let streamed = |name: &str| table.columns().iter().any(|column| column.name.as_str() == name);
    let there = |name: &str| existing.columns.iter().any(|column| column.name == name);
    before.iter().filter(|name| !streamed(name) && there(name)).cloned().collect()
}

fn columns_gone(table: &Table, existing: &ExistingTable, columns: Vec<String>) -> Error {
    let name = table.name();
    let mut aside = Vec::new();
    for column in existing.columns.iter().filter(|column| columns.contains(&column.name)) {
        let old = quote_ident(&column.name);
        if !column.nullable {
            aside.push(format!("ALTER TABLE {name} ALTER COLUMN {old} DROP NOT NULL;"));
        }
        let aside_name = quote_ident(&format!("{}_old", column.name));
        aside.push(format!("ALTER TABLE {name} RENAME COLUMN {old} TO {aside_name};"));
    }
    Error::ColumnsGone { table: name.clone(), columns, aside }
}

/// The columns that are missing, where nothing else conflicts.
fn missing<'t>(table: &'t Table, conflicts: &[Conflict]) -> Option<Vec<&'t Column>> {
    let add = |conflict: &Conflict| {
        let Part::Column(name) = &conflict.part else { return None };
        let column = table.columns().iter().find(|column| column.name.as_str() == name)?;
        (conflict.cost == Cost::Missing).then_some(column)
    };
    conflicts.iter().map(add).collect()
}
