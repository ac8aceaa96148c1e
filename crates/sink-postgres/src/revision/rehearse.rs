//! What a change of a table's revision would come to, found out by what does it.

use ampsync_schema::QualifiedName;
use sync_core::TablePlan;

use super::begin::{Begun, Reuse};
use super::{Obstacle, RevisionKind};
use crate::bookkeeping;
use crate::database::Connection;
use crate::error::Error;
use crate::prepare;
use crate::revision::exchange::{LOCK, Work};
use crate::sink::{PostgresSink, Rehearsal};

/// What a change of a table's revision would come to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NextRehearsal {
    /// The table that is to be filled, and what would make it ready. Statements that begin it come
    /// first.
    pub next: Rehearsal,
    /// The statements that would build the indexes and constraints on it, once it is filled.
    pub completing: Vec<String>,
    /// The statements that would exchange the tables, in one transaction and behind a lock on both.
    pub exchange: Vec<String>,
    /// What would keep them from being executed.
    pub obstacles: Vec<Obstacle>,
}

const DOING: &str = "rehearse the change of the table's revision";

impl PostgresSink {
    /// What [`begin_next`](crate::Database::begin_next) for `table`, filling it with this sink, and the
    /// exchange in the end would come to. All of it is done in a transaction that is rolled back, but for
    /// the exchange, whose statements are only written: nobody who uses `table` has to wait.
    ///
    /// # Errors
    /// What `begin_next` or `prepare` would answer.
    pub async fn rehearse_next(
        &self,
        plan: &TablePlan,
        table: &QualifiedName,
    ) -> Result<NextRehearsal, Error> {
        let database = &self.database;
        let connection = database.connection().await?;
        database.answer(DOING, connection.batch_execute(database.begin())).await?;
        let bookkeeping = bookkeeping::rehearse(database, &connection).await?;
        let (begun, outlook) = self.begin_rehearsed(&connection, plan, table).await?;
        database.answer(DOING, connection.batch_execute(LOCK)).await?;
        let oids = database.oids(&connection, table, &begun.table).await?;
        let (current, next) = ((&begun.current, oids.0), (&begun.table, oids.1));
        let (obstacles, needed) = database.outlook(DOING, &connection, current, next).await?;
        // What is built before is there by then. One that is being filled already would have to wait.
        let named = needed.iter().filter(|needed| needed.is_index && !outlook.exists);
        for statement in named.flat_map(|needed| &needed.statements) {
            database.long_answer(DOING, connection.batch_execute(statement)).await?;
        }
        let completing = needed.into_iter().flat_map(|needed| needed.statements).collect();
        let work = Work { database, connection: &connection, table };
        let exchange = work.statements(&begun.table, oids, RevisionKind::Previous).await?;
        database.answer(DOING, connection.batch_execute("ROLLBACK")).await?;
        connection.keep();
        let prepare::Outlook { checkpoint, exists, changes, unchecked, .. } = outlook;
        let changes = begun.statements.into_iter().chain(changes).collect();
        let writer = database.writer(&begun.table).await?;
        let next = Rehearsal {
            table: begun.table,
            checkpoint,
            exists,
            bookkeeping,
            changes,
            unchecked,
            writer,
        };
        Ok(NextRehearsal { next, completing, exchange: exchange.statements, obstacles })
    }

    /// Begins the next table, and anew where one that is there turns out not to hold what is wanted.
    async fn begin_rehearsed(
        &self,
        connection: &Connection,
        plan: &TablePlan,
        table: &QualifiedName,
    ) -> Result<(Begun, prepare::Outlook), Error> {
        let database = &self.database;
        let identity = (plan.dataset.as_str(), plan.query.as_str());
        let wanted = self.wanted(plan)?.0;
        let begun = database.begin_in(connection, table, identity, Reuse::Yes).await?;
        let next = (&begun.table, Some(&wanted));
        match prepare::rehearse_in(database, connection, next, plan, true).await {
            Err(error) if error.is_unfit() => {
                let before = begun.statements;
                let begun = database.begin_in(connection, table, identity, Reuse::No).await?;
                let statements = before.into_iter().chain(begun.statements).collect();
                let begun = Begun { statements, ..begun };
                let next = (&begun.table, Some(&wanted));
                let outlook = prepare::rehearse_in(database, connection, next, plan, true).await?;
                Ok((begun, outlook))
            }
            outlook => Ok((begun, outlook?)),
        }
    }
}
