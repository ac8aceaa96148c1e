//! Several revisions of one table: the one that is read, one that is being filled to take its place,
//! and those that are kept.
//!
//! Each is a table of its own, with a checkpoint and a lease of its own, so that filling one is
//! ordinary syncing. Which is which the bookkeeping says, never the name. What makes one the other is
//! [`exchange`](Database::swap), a single transaction.

mod begin;
mod carry;
mod complete;
mod constraints;
mod exchange;
mod rehearse;
mod statements;

use ampsync_schema::{Ident, QualifiedName, beside};
use sync_core::chain::{BlockNum, Network};
use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, Row};

use crate::bookkeeping;
use crate::catalog::{Place, Relation};
use crate::database::Database;
use crate::error::Error;

pub use begin::Reuse;
pub use carry::Obstacle;
pub use complete::Exchange;
pub use exchange::Exchanged;
pub use rehearse::NextRehearsal;

/// What a stored table is to whoever reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionKind {
    /// The table that is read.
    Current,
    /// It is being filled, to take the place of the current one.
    Next,
    /// It was replaced by a newer one, and is kept.
    Previous,
    /// It was replaced by a rollback, and is kept.
    Rejected,
}

impl RevisionKind {
    /// A short name: `current`, `next`, `previous`, `rejected`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::Previous => "previous",
            Self::Rejected => "rejected",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let all = [Self::Current, Self::Next, Self::Previous, Self::Rejected];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A stored table, as one of the revisions of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revision {
    /// The table it is in.
    pub table: QualifiedName,
    /// What it is to readers.
    pub kind: RevisionKind,
    /// What its rows are of.
    pub dataset: String,
    /// The query whose rows these are.
    pub query: String,
    /// The columns that its stream had.
    pub columns: Vec<String>,
    /// The column with the block numbers, where it is known to be another one than `_block_num`.
    pub block_column: Option<String>,
    /// The network of its blocks, once it is known.
    pub network: Option<Network>,
    /// Its last completed block.
    pub block: Option<BlockNum>,
    /// How often its checkpoint has moved.
    pub version: u64,
    /// Whether it was replaced before: a next one that was taken up again is kept when it is given up.
    pub was_replaced: bool,
}

/// What is stored under a table's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revisions {
    /// The table that is read.
    pub current: Option<Revision>,
    /// The one that is being filled.
    pub next: Option<Revision>,
    /// Those that are kept, the one that was replaced last first.
    pub kept: Vec<Revision>,
    /// Why another revision could not be put in place, if it could not: with the remedy. See
    /// [`Database::hindrance`], which has to be asked for it.
    pub hindrance: Option<(String, String)>,
}

const DOING: &str = "look for the revisions of the table";

/// Every version of the bookkeeping answers this.
const FIND: &str = "\
SELECT c.table_name, c.dataset, c.query, c.columns, c.network, c.cursor_block, c.version,
       coalesce(j.row->>'kind', 'current') AS kind, j.row->>'block_column' AS block_column,
       j.row->>'replaced_at' IS NOT NULL AS was_replaced
FROM ampsync.checkpoints c CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(c) AS row) j
WHERE c.table_schema = $1
  AND ((c.table_name = $2 AND j.row->>'of_table' IS NULL) OR j.row->>'of_table' = $2)
ORDER BY (j.row->>'replaced_at')::timestamptz DESC NULLS LAST, c.table_name";

impl Database {
    /// What is stored under the name of `table`. Nothing is locked; cancellation is harmless.
    ///
    /// # Errors
    /// [`Error::Privilege`] where the role may not use the bookkeeping, and whatever keeps the
    /// server from answering.
    pub async fn revisions(&self, table: &QualifiedName) -> Result<Revisions, Error> {
        let connection = self.connection().await?;
        let revisions = match bookkeeping::knows_revisions(self, &connection).await? {
            Some(_) => self.bounded(DOING, find(&connection, table)).await?,
            None => Revisions::default(),
        };
        connection.keep();
        Ok(revisions)
    }

    /// Why our role could not put another table in the place of `table`, which is stored: with the remedy.
    /// Nothing is locked; cancellation is harmless.
    ///
    /// # Errors
    /// As [`revisions`](Self::revisions).
    pub async fn hindrance(
        &self,
        table: &QualifiedName,
    ) -> Result<Option<(String, String)>, Error> {
        let connection = self.connection().await?;
        let hindrance = match bookkeeping::knows_revisions(self, &connection).await? {
            Some(knows) => self.hindrance_in(&connection, table, knows).await?,
            None => None,
        };
        connection.keep();
        Ok(hindrance)
    }

    async fn hindrance_in(
        &self,
        client: &Client,
        table: &QualifiedName,
        knows_revisions: bool,
    ) -> Result<Option<(String, String)>, Error> {
        let told = |problem: &str, remedy: String| Ok(Some((problem.to_owned(), remedy)));
        if !knows_revisions {
            return told(
                "the bookkeeping is of an older release, which knows no revisions",
                "run ampsync once as the owner of schema ampsync".to_owned(),
            );
        }
        let Some(relation) = self.answer(DOING, Relation::find(client, table)).await? else {
            return Ok(None);
        };
        if !relation.owned {
            let role = ampsync_schema::quote_ident(&relation.role);
            return told(
                "the role of ampsync does not own the table",
                format!("run, as who may: ALTER TABLE {table} OWNER TO {role};"),
            );
        }
        let place = Place::find(client, table.schema.as_str());
        let place = self.answer(DOING, place).await?;
        if let Err(Error::Privilege { statement, .. }) = place.check(&table.schema, "a table") {
            return told(
                "the role of ampsync may not create tables in the schema",
                format!("run, as who may: {statement};"),
            );
        }
        Ok(None)
    }
}

/// What the table is called that is filled to take the place of `table`.
///
/// # Errors
/// [`Error::Name`] where that is no name.
pub fn next_name(table: &QualifiedName) -> Result<QualifiedName, Error> {
    let name = beside(&table.name, "next")?;
    Ok(QualifiedName { schema: table.schema.clone(), name })
}

pub(crate) async fn find(client: &Client, table: &QualifiedName) -> Result<Revisions, Error> {
    let key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&table.schema.as_str(), &table.name.as_str()];
    let rows = client.query(FIND, &key).await.map_err(Error::server(DOING))?;
    let mut found = Revisions::default();
    for row in &rows {
        let revision = read(row, table)?;
        match revision.kind {
            RevisionKind::Current => found.current = Some(revision),
            RevisionKind::Next => found.next = Some(revision),
            RevisionKind::Previous | RevisionKind::Rejected => found.kept.push(revision),
        }
    }
    Ok(found)
}

fn read(row: &Row, of: &QualifiedName) -> Result<Revision, Error> {
    let name = Ident::new(get::<String>(row, "table_name")?)?;
    let table = QualifiedName { schema: of.schema.clone(), name };
    let damaged = |what| Error::Damaged { table: table.clone(), what };
    let kind = RevisionKind::read(&get::<String>(row, "kind")?).ok_or_else(|| damaged("kind"))?;
    let version = u64::try_from(get::<i64>(row, "version")?).map_err(|_| damaged("version"))?;
    let block = match get::<Option<i64>>(row, "cursor_block")? {
        Some(number) => {
            let number = u64::try_from(number).map_err(|_| damaged("block number"))?;
            Some(BlockNum::try_from(number).map_err(|_| damaged("block number"))?)
        }
        None => None,
    };
    Ok(Revision {
        kind,
        dataset: get(row, "dataset")?,
        query: get(row, "query")?,
        columns: get(row, "columns")?,
        block_column: get(row, "block_column")?,
        network: get::<Option<String>>(row, "network")?.map(|name| Network::new(&name)),
        block,
        version,
        was_replaced: get(row, "was_replaced")?,
        table,
    })
}

fn get<T: FromSqlOwned>(row: &Row, column: &str) -> Result<T, Error> {
    row.try_get(column).map_err(Error::server(DOING))
}
