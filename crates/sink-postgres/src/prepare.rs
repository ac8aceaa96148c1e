//! Makes a table ready: creates or checks it, and deletes what no checkpoint covers. Or only says
//! what that would come to.

use ampsync_schema::{QualifiedName, Table};
use sync_core::{Checkpoint, TablePlan};

use crate::adopt::{Adoption, Notes, Rehearsed};
use crate::bookkeeping::{self, Stored};
use crate::catalog::{Place, Relation};
use crate::database::{Connection, Database};
use crate::error::Error;
use crate::sql;

/// Everything happens in one transaction, so that a failure leaves nothing behind.
pub(crate) async fn run(
    database: &Database,
    table: &Table,
    plan: &TablePlan,
    begun: bool,
) -> Result<Checkpoint, Error> {
    const DOING: &str = "prepare the table";
    let connection = database.connection().await?;
    bookkeeping::migrate(database, &connection).await?;
    database.answer(DOING, connection.batch_execute(database.begin())).await?;
    let adoption = Adoption { database, connection: &connection, rehearsal: None };
    let checkpoint = Preparation { adoption: &adoption, table, plan }.run(begun).await?;
    database.answer(DOING, connection.batch_execute("COMMIT")).await?;
    connection.keep();
    Ok(checkpoint)
}

/// What would become of a table.
pub(crate) struct Outlook {
    /// From where it would go on, with what is provisional now.
    pub(crate) checkpoint: Checkpoint,
    /// Whether there is a table of the name.
    pub(crate) exists: bool,
    /// Whether the bookkeeping would be created or changed first.
    pub(crate) bookkeeping: bool,
    /// The statements that would change the database, in their order.
    pub(crate) changes: Vec<String>,
    /// What would have taken too long to find out.
    pub(crate) unchecked: Vec<String>,
}

/// Looks at everything that [`run`] would look at, by the same code, and leaves everything as it
/// is: what is created is rolled back, and a table that is there is not even locked. Without a
/// `table`, its columns are not looked at.
pub(crate) async fn rehearse(
    database: &Database,
    name: &QualifiedName,
    table: Option<&Table>,
    plan: &TablePlan,
    begun: bool,
) -> Result<Outlook, Error> {
    const DOING: &str = "rehearse the preparation of the table";
    let connection = database.connection().await?;
    database.answer(DOING, connection.batch_execute(database.begin())).await?;
    let bookkeeping = bookkeeping::rehearse(database, &connection).await?;
    let outlook = rehearse_in(database, &connection, (name, table), plan, begun).await?;
    database.answer(DOING, connection.batch_execute("ROLLBACK")).await?;
    connection.keep();
    Ok(Outlook { bookkeeping, ..outlook })
}

/// Does it in the transaction that is open, and is to be rolled back.
pub(crate) async fn rehearse_in(
    database: &Database,
    connection: &Connection,
    (name, table): (&QualifiedName, Option<&Table>),
    plan: &TablePlan,
    begun: bool,
) -> Result<Outlook, Error> {
    let rehearsal = Some(Rehearsed::default());
    let adoption = Adoption { database, connection, rehearsal };
    let (stored, relation) = look(&adoption, name, plan, begun).await?;
    let exists = relation.is_some();
    let checkpoint = match table {
        Some(table) => {
            let preparation = Preparation { adoption: &adoption, table, plan };
            preparation.fit(stored.as_ref(), relation).await?;
            stored.map(|stored| stored.checkpoint)
        }
        None => stored.map(|stored| stored.checkpoint),
    };
    let Notes { changes, unchecked } =
        adoption.rehearsal.as_ref().map(Rehearsed::take).unwrap_or_default();
    let checkpoint = checkpoint.unwrap_or_default();
    Ok(Outlook { checkpoint, exists, bookkeeping: false, changes, unchecked })
}

/// What there is of the table, once it is certain that it is this stream's.
async fn look(
    adoption: &Adoption<'_>,
    name: &QualifiedName,
    plan: &TablePlan,
    begun: bool,
) -> Result<(Option<Stored>, Option<Relation>), Error> {
    const DOING: &str = "read the checkpoint";
    let Adoption { database, connection, rehearsal } = adoption;
    let stored = match rehearsal {
        // A writer of now must not have to wait.
        Some(_) => database.bounded(DOING, bookkeeping::look(connection, name)).await?,
        None => database.bounded(DOING, bookkeeping::read_for_update(connection, name)).await?,
    };
    if begun && stored.is_none() {
        return Err(Error::Superseded(name.clone()));
    }
    let relation = adoption.find(name).await?;
    if stored.is_none() && relation.is_some() && adoption.has_rows(name).await? {
        return Err(Error::ForeignRows(name.clone()));
    }
    if let Some(stored) = &stored {
        check_identity(name, stored, plan)?;
    }
    // One that was only begun does not count its changes from zero.
    let was_written = |stored: &Stored| match begun {
        true => stored.checkpoint.first_block.is_some() || stored.checkpoint.cursor.is_some(),
        false => stored.checkpoint.version > 0,
    };
    if relation.is_none() && stored.as_ref().is_some_and(was_written) {
        return Err(Error::TableGone(name.clone()));
    }
    Ok((stored, relation))
}

fn check_identity(name: &QualifiedName, stored: &Stored, plan: &TablePlan) -> Result<(), Error> {
    for (what, stored, wanted) in
        [("dataset", &stored.dataset, &plan.dataset), ("query", &stored.query, &plan.query)]
    {
        if stored != wanted {
            let (table, stored, wanted) = (name.clone(), stored.clone(), wanted.clone());
            return Err(Error::Identity { table, what, stored, wanted });
        }
    }
    Ok(())
}

struct Preparation<'a> {
    adoption: &'a Adoption<'a>,
    table: &'a Table,
    plan: &'a TablePlan,
}

impl Preparation<'_> {
    async fn run(&self, begun: bool) -> Result<Checkpoint, Error> {
        let (stored, relation) = look(self.adoption, self.table.name(), self.plan, begun).await?;
        self.fit(stored.as_ref(), relation).await?;
        match stored {
            Some(stored) => self.resume(stored).await,
            None => self.begin().await,
        }
    }

    /// Creates the table, or makes the one that is there fit.
    async fn fit(&self, stored: Option<&Stored>, relation: Option<Relation>) -> Result<(), Error> {
        match relation {
            Some(relation) => {
                let columns = stored.map(|stored| stored.columns.as_slice()).unwrap_or_default();
                self.adoption.adopt(self.table, &relation, columns).await
            }
            None => self.create().await,
        }
    }

    /// Creates the table, and its schema if need be.
    async fn create(&self) -> Result<(), Error> {
        const DOING: &str = "create the table";
        let Adoption { database, connection, .. } = self.adoption;
        let name = self.table.name();
        database.answer(DOING, connection.batch_execute(bookkeeping::DDL_LOCK)).await?;
        let place = Place::find(connection, name.schema.as_str());
        let place = database.answer(DOING, place).await?;
        place.check(&name.schema, &format!("table {name}"))?;
        if !place.exists {
            self.adoption.change(name, &format!("CREATE SCHEMA {}", name.schema)).await?;
        }
        for change in self.table.create() {
            self.adoption.change(name, &change.up).await?;
        }
        self.adoption.verify(self.table).await
    }

    /// Goes on from the checkpoint: deletes the rows beyond its cursor.
    async fn resume(&self, stored: Stored) -> Result<Checkpoint, Error> {
        let Adoption { database, connection, .. } = self.adoption;
        let name = self.table.name();
        let columns = self.columns();
        if stored.columns != columns {
            let update = bookkeeping::update_columns(connection, name, &columns);
            database.answer("note the columns", update).await?;
        }
        let mut checkpoint = stored.checkpoint;
        if checkpoint.provisional.is_some() {
            let cursor = checkpoint.cursor.as_ref().map(|cursor| cursor.number);
            let delete = sql::delete_above(name, self.table.block_column(), cursor);
            let delete = connection.batch_execute(&delete);
            database.long_answer("delete the rows beyond the cursor", delete).await?;
            let settle = bookkeeping::settle(connection, name);
            database.answer("move the checkpoint", settle).await?;
            checkpoint.provisional = None;
            checkpoint.commit = None;
            checkpoint.version += 1;
        }
        Ok(checkpoint)
    }

    /// Starts the table's checkpoint.
    async fn begin(&self) -> Result<Checkpoint, Error> {
        let Adoption { database, connection, .. } = self.adoption;
        let TablePlan { dataset, query, .. } = self.plan;
        let columns = self.columns();
        let create = bookkeeping::create(connection, self.table.name(), dataset, query, &columns);
        database.answer("create the checkpoint", create).await?;
        Ok(Checkpoint::default())
    }

    fn columns(&self) -> Vec<&str> {
        self.table.columns().iter().map(|column| column.name.as_str()).collect()
    }
}
