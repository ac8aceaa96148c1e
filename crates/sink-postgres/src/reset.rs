//! Forgets tables, so that they are streamed from the first block again.

use ampsync_schema::{QualifiedName, quote_ident, quote_literal};

use crate::bookkeeping;
use crate::catalog::Relation;
use crate::database::{Connection, Database};
use crate::error::Error;
use crate::hazard::Hazard;
use crate::lease::lock_key;
use crate::sql;

/// What becomes of the rows of a table that is reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetRows {
    /// They are deleted. The table stays, with its columns, indexes, grants and views.
    #[default]
    Delete,
    /// They go with the table: a new one is created with the columns that the stream has then.
    DropTable,
    /// They stay, and are nobody's: a later start refuses the table unless it was renamed or
    /// emptied.
    Keep,
}

impl Database {
    /// Forgets how far these tables are, and deletes their rows as `rows` says. All in one
    /// transaction, so that either all tables are reset or none. The log of reorgs is kept.
    ///
    /// Cancellation is safe: what was not committed is undone by the server.
    ///
    /// # Errors
    /// [`Error::InUse`] while an instance writes one of them, [`Error::NotKept`] for a table that
    /// ampsync does not know, [`Error::Alter`] where PostgreSQL refuses the statement, as for a
    /// table that others refer to, [`Error::Unsafe`] where rows would stay or rows of others go,
    /// [`Error::Privilege`], and whatever keeps the server from answering.
    pub async fn reset(&self, tables: &[QualifiedName], rows: ResetRows) -> Result<(), Error> {
        const DOING: &str = "reset the tables";
        let connection = self.connection().await?;
        self.answer(DOING, connection.batch_execute(self.begin())).await?;
        let Some(first) = tables.first() else { return Ok(()) };
        if !bookkeeping::is_readable(self, &connection).await? {
            return Err(Error::NotKept(first.clone()));
        }
        let reset = Reset { database: self, connection: &connection };
        reset.may_forget().await?;
        for table in tables {
            reset.lock(table).await?;
        }
        if rows != ResetRows::Keep {
            reset.delete(tables, rows).await?;
        }
        for table in tables {
            let forget = bookkeeping::forget(&connection, table);
            if !self.answer("forget the table", forget).await? {
                return Err(Error::NotKept(table.clone()));
            }
        }
        self.answer(DOING, connection.batch_execute("COMMIT")).await?;
        connection.keep();
        Ok(())
    }
}

struct Reset<'a> {
    database: &'a Database,
    connection: &'a Connection,
}

impl Reset<'_> {
    /// A role that only writes tables does not need these rights.
    async fn may_forget(&self) -> Result<(), Error> {
        const DOING: &str = "look for the right to forget";
        let select = "SELECT current_user::text, \
                        pg_catalog.has_table_privilege('ampsync.checkpoints', 'DELETE') \
                        AND pg_catalog.has_table_privilege('ampsync.ranges', 'DELETE')";
        let row = self.database.answer(DOING, self.connection.query_one(select, &[])).await?;
        let (role, allowed): (String, bool) = (
            row.try_get(0).map_err(Error::server(DOING))?,
            row.try_get(1).map_err(Error::server(DOING))?,
        );
        if allowed {
            return Ok(());
        }
        let to = quote_ident(&role);
        let statement =
            format!("GRANT DELETE ON TABLE ampsync.checkpoints, ampsync.ranges TO {to}");
        Err(Error::Privilege { role, what: "forget tables".to_owned(), statement })
    }

    /// Takes the right to write until the transaction ends.
    async fn lock(&self, table: &QualifiedName) -> Result<(), Error> {
        const DOING: &str = "take the right to write";
        let key = quote_literal(&lock_key(table));
        let lock = format!("SELECT pg_try_advisory_xact_lock(hashtextextended({key}, 0))");
        let rows = self.database.answer(DOING, self.connection.query(&lock, &[])).await?;
        if sql::scalar(&rows, DOING)? {
            return Ok(());
        }
        let writer = self.database.writer(table).await?.map(Box::new);
        Err(Error::InUse { table: table.clone(), writer })
    }

    /// Empties or drops the tables that are there, with one statement: they may refer to each other.
    async fn delete(&self, tables: &[QualifiedName], rows: ResetRows) -> Result<(), Error> {
        let (mut all, mut relations) = (Vec::new(), Vec::new());
        for table in tables {
            let find = Relation::find(self.connection, table);
            let Some(relation) = self.database.answer("look for the table", find).await? else {
                continue;
            };
            if !relation.is_table() {
                return Err(Error::NotATable(table.clone()));
            }
            all.push(table);
            relations.push(relation);
        }
        let truncate = relations.iter().all(|relation| relation.truncatable);
        if rows == ResetRows::Delete {
            for (table, relation) in all.iter().zip(&relations) {
                can_be_emptied(table, relation, truncate)?;
            }
        }
        let names: Vec<_> = all.iter().map(ToString::to_string).collect();
        let statements = match rows {
            _ if names.is_empty() => Vec::new(),
            ResetRows::DropTable => vec![format!("DROP TABLE {}", names.join(", "))],
            ResetRows::Delete if truncate => vec![format!("TRUNCATE {}", names.join(", "))],
            // Writing needs the right to delete, but not the right to truncate.
            ResetRows::Delete => names.iter().map(|name| format!("DELETE FROM {name}")).collect(),
            ResetRows::Keep => Vec::new(),
        };
        for statement in statements {
            let run = self.connection.batch_execute(&statement);
            let Err(error) = self.database.long_answer("empty the table", run).await else {
                continue;
            };
            return Err(match (error, all.first()) {
                (Error::Server { source, .. }, Some(&table)) if source.code().is_some() => {
                    Error::Alter { table: table.clone(), statement, source }
                }
                (error, _) => error,
            });
        }
        Ok(())
    }
}

/// Whether emptying the table takes all of its rows, and no others.
fn can_be_emptied(table: &QualifiedName, relation: &Relation, truncate: bool) -> Result<(), Error> {
    if !truncate && relation.denied.contains(&"DELETE".to_owned()) {
        let role = quote_ident(&relation.role);
        let statement = format!("GRANT DELETE ON TABLE {table} TO {role}");
        let what = format!("delete the rows of table {table}");
        return Err(Error::Privilege { role: relation.role.clone(), what, statement });
    }
    let matters = |hazard: &&Hazard| match hazard {
        Hazard::Children { .. } => true,
        Hazard::RowSecurity { .. } | Hazard::DeleteRules { .. } => !truncate,
        Hazard::Unlogged { .. } => false,
    };
    let hazards: Vec<_> = relation.hazards.iter().filter(matters).cloned().collect();
    if hazards.is_empty() {
        return Ok(());
    }
    Err(Error::Unsafe { table: table.clone(), hazards })
}
