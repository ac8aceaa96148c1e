//! Makes a table ready: creates or checks it, and deletes what no checkpoint covers.

use ampsync_schema::{Difference, ExistingTable, Table};
use sync_core::{Checkpoint, TablePlan};

use crate::bookkeeping::{self, Stored};
use crate::catalog::{self, Relation};
use crate::database::{Connection, Database};
use crate::error::Error;
use crate::sql;

/// Everything happens in one transaction, so that a failure leaves nothing behind.
pub(crate) async fn run(
    database: &Database,
    table: &Table,
    plan: &TablePlan,
) -> Result<Checkpoint, Error> {
    const DOING: &str = "prepare the table";
    let connection = database.connection().await?;
    bookkeeping::migrate(database, &connection).await?;
    database.answer(DOING, connection.batch_execute(database.begin())).await?;
    let preparation = Preparation { database, connection: &connection, table, plan };
    let checkpoint = preparation.run().await?;
    database.answer(DOING, connection.batch_execute("COMMIT")).await?;
    connection.keep();
    Ok(checkpoint)
}

struct Preparation<'a> {
    database: &'a Database,
    connection: &'a Connection,
    table: &'a Table,
    plan: &'a TablePlan,
}

impl Preparation<'_> {
    async fn run(&self) -> Result<Checkpoint, Error> {
        let name = self.table.name();
        let read = bookkeeping::read_for_update(self.connection, name);
        let stored = self.database.bounded("read the checkpoint", read).await?;
        let relation = self.relation().await?;
        if let Some(relation) = &relation {
            if !relation.is_table() {
                return Err(Error::NotATable(name.clone()));
            }
            let has_rows = catalog::has_rows(self.connection, name);
            if stored.is_none() && self.database.answer("look into the table", has_rows).await? {
                return Err(Error::ForeignRows(name.clone()));
            }
        }
        if let Some(stored) = &stored {
            self.check_identity(stored)?;
        }
        match &relation {
            Some(relation) => self.adopt(relation).await?,
            None if stored.as_ref().is_some_and(|stored| stored.checkpoint.version > 0) => {
                return Err(Error::TableGone(name.clone()));
            }
            None => self.create().await?,
        }
        match stored {
            Some(stored) => self.resume(stored).await,
            None => self.begin().await,
        }
    }

    async fn relation(&self) -> Result<Option<Relation>, Error> {
        let find = Relation::find(self.connection, self.table.name());
        self.database.answer("look for the table", find).await
    }

    fn check_identity(&self, stored: &Stored) -> Result<(), Error> {
        for (what, stored, wanted) in [
            ("dataset", &stored.dataset, &self.plan.dataset),
            ("query", &stored.query, &self.plan.query),
        ] {
            if stored != wanted {
                let (stored, wanted) = (stored.clone(), wanted.clone());
                return Err(Error::Identity {
                    table: self.table.name().clone(),
                    what,
                    stored,
                    wanted,
                });
            }
        }
        let present = self.columns();
        let columns: Vec<_> = stored
            .columns
            .iter()
            .filter(|column| !present.contains(&column.as_str()))
            .cloned()
            .collect();
        if columns.is_empty() {
            Ok(())
        } else {
            Err(Error::ColumnsGone { table: self.table.name().clone(), columns })
        }
    }

    /// Creates the table, and its schema if need be.
    async fn create(&self) -> Result<(), Error> {
        const DOING: &str = "create the table";
        let client = self.connection;
        let create = async {
            client.batch_execute(bookkeeping::DDL_LOCK).await?;
            let schema = &self.table.name().schema;
            if !catalog::has_schema(client, schema).await? {
                client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
            }
            client.batch_execute(&self.table.create_table_ddl()).await?;
            client.batch_execute(&self.table.create_index_ddl()).await
        };
        self.database.answer(DOING, create).await
    }

    /// Checks that the table that is there can hold the rows, and adds what it lacks.
    async fn adopt(&self, relation: &Relation) -> Result<(), Error> {
        let columns = relation.columns(self.connection);
        let mut existing = ExistingTable::default();
        existing.columns = self.database.answer("read the table's columns", columns).await?;
        match self.table.difference(&existing) {
            Difference::Equal => {}
            Difference::Additive(statements) => {
                for statement in statements {
                    tracing::info!(table = %self.table.name(), statement, "adding a column");
                    let add = self.connection.batch_execute(&statement);
                    self.database.long_answer("add a column", add).await?;
                }
            }
            Difference::Conflicting(conflicts) => {
                return Err(Error::Conflict { table: self.table.name().clone(), conflicts });
            }
        }
        let indexed = relation.has_index(self.connection, self.table.block_column());
        if !self.database.answer("look for the index", indexed).await? {
            tracing::info!(table = %self.table.name(), "creating the index on the block column");
            let ddl = self.table.create_index_ddl();
            let create = self.connection.batch_execute(&ddl);
            self.database.long_answer("create the index on the block column", create).await?;
        }
        Ok(())
    }

    /// Goes on from the checkpoint: deletes the rows beyond its cursor.
    async fn resume(&self, stored: Stored) -> Result<Checkpoint, Error> {
        let name = self.table.name();
        let columns = self.columns();
        if stored.columns != columns {
            let update = bookkeeping::update_columns(self.connection, name, &columns);
            self.database.answer("note the columns", update).await?;
        }
        let mut checkpoint = stored.checkpoint;
        if checkpoint.provisional.is_some() {
            let cursor = checkpoint.cursor.as_ref().map(|cursor| cursor.number);
            let delete = sql::delete_above(name, self.table.block_column(), cursor);
            let delete = self.connection.batch_execute(&delete);
            self.database.long_answer("delete the rows beyond the cursor", delete).await?;
            let settle = bookkeeping::settle(self.connection, name);
            self.database.answer("move the checkpoint", settle).await?;
            checkpoint.provisional = None;
            checkpoint.commit = None;
            checkpoint.version += 1;
        }
        Ok(checkpoint)
    }

    /// Starts the table's checkpoint.
    async fn begin(&self) -> Result<Checkpoint, Error> {
        let TablePlan { dataset, query, .. } = self.plan;
        let columns = self.columns();
        let create =
            bookkeeping::create(self.connection, self.table.name(), dataset, query, &columns);
        self.database.answer("create the checkpoint", create).await?;
        Ok(Checkpoint::default())
    }

    fn columns(&self) -> Vec<&str> {
        self.table.columns().iter().map(|column| column.name.as_str()).collect()
    }
}
