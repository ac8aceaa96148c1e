//! Makes a table ready to take another one's place: all that may take long, on a table that nobody reads.

use ampsync_schema::QualifiedName;
use tokio_postgres::Client;

use super::carry::{self, Obstacle};
use super::constraints::{self, Constraints, Needed};
use super::exchange::LOCK;
use super::{Revision, Revisions, find};
use crate::database::{Connection, Database};
use crate::error::Error;

/// What an exchange would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// What keeps it from being done.
    pub obstacles: Vec<Obstacle>,
    /// The statements that are executed first, on the new table: indexes, constraints.
    pub completing: Vec<String>,
}

/// What was found out before anything is done.
struct Look {
    obstacles: Vec<Obstacle>,
    needed: Vec<Needed>,
    next: QualifiedName,
}

const DOING: &str = "make the table ready to take the place of the one before";

/// How long the new table's statistics may take.
const ANALYZE: &str = "SET LOCAL statement_timeout = 600000; ANALYZE ";

/// A statement that nobody waits for any more ends, also one that waits for a lock. Some systems cannot tell.
const WATCHED: &str = "SET client_connection_check_interval = 1000";

impl Database {
    /// Says what keeps the next revision of `table` from taking its place. Where nothing does, builds the
    /// indexes and constraints that it lacks, and has PostgreSQL look at its rows. Writing to the next one
    /// waits for indexes. A constraint or an index that its rows break is an obstacle, and is not left
    /// on it.
    ///
    /// Cancellation ends what is being built within about a second, where the server's system tells it that the
    /// connection is gone; elsewhere it comes to its end, as `ANALYZE` does, which has ten minutes. What
    /// was built by then is found by the next one.
    ///
    /// # Errors
    /// [`Error::NotKept`] where there is no next one, [`Error::Locked`] while somebody's lock on a table that
    /// a foreign key points to outlasts a second, and whatever keeps the server from answering.
    pub async fn complete_next(&self, table: &QualifiedName) -> Result<Exchange, Error> {
        let (exchange, next) = self.complete(table, |found| found.next.clone()).await?;
        if exchange.obstacles.is_empty() {
            let connection = self.connection().await?;
            let analyze = format!("BEGIN; {ANALYZE}{next}; COMMIT");
            self.long_answer("analyze the table", connection.batch_execute(&analyze)).await?;
            connection.keep();
        }
        Ok(exchange)
    }

    /// Does it for any other revision of the table.
    pub(super) async fn complete(
        &self,
        table: &QualifiedName,
        choose: impl Fn(&Revisions) -> Option<Revision>,
    ) -> Result<(Exchange, QualifiedName), Error> {
        let Look { mut obstacles, needed, next } = self.look_at(table, choose).await?;
        let connection = self.connection().await?;
        let is_watched = self.answer(DOING, connection.batch_execute(WATCHED)).await;
        if let Err(error) = is_watched
            && !error.is_refusal()
        {
            return Err(error);
        }
        for needed in &needed {
            if obstacles.is_empty() {
                obstacles.extend(self.fulfil(&connection, table, needed).await?);
            }
        }
        let unwatched = "RESET client_connection_check_interval";
        self.answer(DOING, connection.batch_execute(unwatched)).await?;
        connection.keep();
        let completing = needed.into_iter().flat_map(|needed| needed.statements).collect();
        Ok((Exchange { obstacles, completing }, next))
    }

    async fn look_at(
        &self,
        table: &QualifiedName,
        choose: impl Fn(&Revisions) -> Option<Revision>,
    ) -> Result<Look, Error> {
        let connection = self.connection().await?;
        let begin = format!("{}; {LOCK}", self.begin());
        self.answer(DOING, connection.batch_execute(&begin)).await?;
        let found = self.bounded(DOING, find(&connection, table)).await?;
        let next = choose(&found);
        let (Some(current), Some(next)) = (found.current, next) else {
            return Err(Error::NotKept(table.clone()));
        };
        let oids = self.oids(&connection, &current.table, &next.table).await?;
        let (obstacles, needed) =
            self.outlook(DOING, &connection, (&current, oids.0), (&next.table, oids.1)).await?;
        self.answer(DOING, connection.batch_execute("ROLLBACK")).await?;
        connection.keep();
        Ok(Look { obstacles, needed, next: next.table })
    }

    /// What keeps `current` from being replaced by `next`, and what `next` needs first.
    pub(super) async fn outlook(
        &self,
        doing: &'static str,
        client: &Client,
        (current, old): (&Revision, u32),
        (next, new): (&QualifiedName, u32),
    ) -> Result<(Vec<Obstacle>, Vec<Needed>), Error> {
        let oids = (old, new);
        let obstacles = carry::obstacles(client, oids, &current.columns);
        let mut obstacles = self.bounded(doing, obstacles).await?;
        let constraints = self.bounded(doing, Constraints::of(client, oids)).await?;
        obstacles.extend(constraints.impossible());
        let needed = constraints::needed(client, &constraints, old, (next, new));
        Ok((obstacles, self.bounded(doing, needed).await?))
    }

    /// Returns the obstacle that it turns out to be, if it does; nothing of it is left then.
    async fn fulfil(
        &self,
        connection: &Connection,
        table: &QualifiedName,
        needed: &Needed,
    ) -> Result<Option<Obstacle>, Error> {
        for statement in &needed.statements {
            tracing::info!(%table, statement, "changing the database");
            // Whoever writes to a table of somebody else waits behind us.
            if needed.locks_another {
                let limit = "SET lock_timeout = 1000";
                self.answer(DOING, connection.batch_execute(limit)).await?;
            }
            let done = self.alter(connection, table, statement).await;
            if needed.locks_another {
                let limit = "RESET lock_timeout";
                self.answer(DOING, connection.batch_execute(limit)).await?;
            }
            let Err(error) = done else { continue };
            let Error::Alter { source, .. } = &error else { return Err(error) };
            let Some(obstacle) = needed.refused(source) else { return Err(error) };
            if let Some(undo) = &needed.undo {
                self.alter(connection, table, undo).await?;
            }
            return Ok(Some(obstacle));
        }
        Ok(None)
    }
}
