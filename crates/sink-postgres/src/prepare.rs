//! Makes a table ready: creates or checks it, and deletes what no checkpoint covers.

use ampsync_schema::Table;
use sync_core::{Checkpoint, TablePlan};

use crate::adopt::Adoption;
use crate::bookkeeping::{self, Stored};
use crate::catalog::Place;
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
        let adoption = Adoption { database: self.database, connection: self.connection };
        let relation = adoption.find(name).await?;
        if stored.is_none() && relation.is_some() && adoption.has_rows(name).await? {
            return Err(Error::ForeignRows(name.clone()));
        }
        if let Some(stored) = &stored {
            self.check_identity(stored)?;
        }
        match &relation {
            Some(relation) => {
                let columns = stored.as_ref().map(|stored| stored.columns.as_slice());
                adoption.adopt(self.table, relation, columns.unwrap_or_default()).await?;
            }
            None if stored.as_ref().is_some_and(|stored| stored.checkpoint.version > 0) => {
                return Err(Error::TableGone(name.clone()));
            }
            None => self.create(&adoption).await?,
        }
        match stored {
            Some(stored) => self.resume(stored).await,
            None => self.begin().await,
        }
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
        Ok(())
    }

    /// Creates the table, and its schema if need be.
    async fn create(&self, adoption: &Adoption<'_>) -> Result<(), Error> {
        const DOING: &str = "create the table";
        let (client, name) = (self.connection, self.table.name());
        let lock = client.batch_execute(bookkeeping::DDL_LOCK);
        self.database.answer(DOING, lock).await?;
        let place = Place::find(client, name.schema.as_str());
        let place = self.database.answer(DOING, place).await?;
        place.check(&name.schema, &format!("table {name}"))?;
        if !place.exists {
            adoption.change(name, &format!("CREATE SCHEMA {}", name.schema)).await?;
        }
        for change in self.table.create() {
            adoption.change(name, &change.up).await?;
        }
        adoption.verify(self.table).await
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
