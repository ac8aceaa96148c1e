//! Constraints of a table, and how the table that is to take its place comes to have them: before the
//! exchange, on a table that nobody reads. The exchange itself, behind which readers wait, then looks at
//! no row for them, and rows that come later obey them too.

use ampsync_schema::{Ident, QualifiedName, beside, quote_ident};
use tokio_postgres::Client;

use super::carry::{self, Index, Obstacle};
use crate::error::Error;
use crate::server_error::ServerError;

const DOING: &str = "look at the constraints of the table";

/// Those of table `$1`, and which of their columns table `$2` lacks. One that points to its own table is
/// an obstacle, as every foreign key to it.
const CONSTRAINTS: &str = "\
SELECT k.conname::text AS name, k.contype::text AS kind, k.convalidated AS validated,
       pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), ' NOT VALID$', '') AS definition,
       CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
         || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END AS timing,
       pg_catalog.pg_describe_object('pg_catalog.pg_constraint'::regclass, k.oid, 0) AS what,
       (SELECT i.relname::text FROM pg_catalog.pg_class i WHERE i.oid = k.conindid) AS index,
       (SELECT pg_catalog.string_agg(DISTINCT a.attname::text, ', ')
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_attribute a ON a.attrelid = $1::oid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1::oid
          AND d.refobjsubid > 0
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute n WHERE n.attrelid = $2::oid
                          AND n.attname = a.attname AND NOT n.attisdropped)) AS lacks
FROM pg_catalog.pg_constraint k
WHERE k.conrelid = $1::oid AND k.contype IN ('u', 'c', 'f') AND k.confrelid <> $1::oid
ORDER BY k.conname";

/// A unique, check or foreign key constraint.
pub(super) struct Constraint {
    name: String,
    kind: Kind,
    /// Whether all rows are known to obey it.
    validated: bool,
    definition: String,
    /// When it is checked, where that is not at once.
    timing: String,
    /// As PostgreSQL calls it.
    what: String,
    index: Option<String>,
    /// The columns that the other table does not have.
    lacks: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unique,
    Check,
    ForeignKey,
}

impl Constraint {
    fn is(&self, other: &Self) -> bool {
        // A unique one is called as its index, whose name only one table can use at a time.
        let is_named = self.kind == Kind::Unique || self.name == other.name;
        self.kind == other.kind && is_named && self.definition == other.definition
    }

    /// Whether `other` takes its place. Between other types PostgreSQL may write it in another way.
    fn is_kept_by(&self, other: &Self) -> bool {
        let is_named = self.kind == other.kind && self.name == other.name;
        let is_there = if self.kind == Kind::Unique { self.is(other) } else { is_named };
        is_there && (other.validated || !self.validated)
    }
}

/// Something that the new table needs before it can take the old one's place.
pub(super) struct Needed {
    /// As PostgreSQL calls it.
    what: String,
    pub(super) statements: Vec<String>,
    /// What takes back those that were executed when another one is refused.
    pub(super) undo: Option<String>,
    /// Whether it locks a table of somebody else, for a moment.
    pub(super) locks_another: bool,
    /// Whether the exchange gives it the old one's name.
    pub(super) is_index: bool,
}

impl Needed {
    pub(super) fn index(name: &str, statement: String) -> Self {
        let (what, statements) = (format!("index {}", quote_ident(name)), vec![statement]);
        Self { what, statements, undo: None, locks_another: false, is_index: true }
    }

    fn constraint(what: &str, statements: Vec<String>) -> Self {
        let what = what.to_owned();
        Self { what, statements, undo: None, locks_another: false, is_index: false }
    }

    /// What PostgreSQL's refusal comes to, where it is about this and will not pass by itself.
    pub(super) fn refused(&self, error: &ServerError) -> Option<Obstacle> {
        let detail = error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let why = match error.code()?.get(..2)? {
            "23" => format!("the new rows break it: {error}{detail}"),
            "0A" | "22" | "42" => format!("the new table cannot have it: {error}{detail}"),
            _ => return None,
        };
        Some(Obstacle { what: self.what.clone(), why })
    }
}

/// The constraints of two tables: the one that is there, and the one that is to take its place.
pub(super) struct Constraints {
    old: Vec<Constraint>,
    next: Vec<Constraint>,
}

impl Constraints {
    pub(super) async fn of(client: &Client, (old, next): (u32, u32)) -> Result<Self, Error> {
        let (old, next) = (read(client, (old, next)).await?, read(client, (next, old)).await?);
        Ok(Self { old, next })
    }

    /// Those that the new table can never have.
    pub(super) fn impossible(&self) -> Vec<Obstacle> {
        self.old.iter().filter_map(impossible).collect()
    }

    /// Those that it does not have, or not yet: somebody may have added one after it was completed.
    pub(super) fn missing(&self) -> Vec<Obstacle> {
        let is_missing = |old: &&Constraint| !self.next.iter().any(|next| old.is_kept_by(next));
        let obstacle = |old: &Constraint| {
            impossible(old).unwrap_or_else(|| Obstacle {
                what: old.what.clone(),
                why: "the new table does not have it yet".to_owned(),
            })
        };
        self.old.iter().filter(is_missing).map(obstacle).collect()
    }

    /// What makes `next` have them, and those that only it has go, in this order.
    fn needed(
        &self,
        next: &QualifiedName,
        (before, there): (&[Index], &[Index]),
    ) -> Result<Vec<Needed>, Error> {
        let alter = |rest: String| format!("ALTER TABLE {next} {rest}");
        let drop = |name: &str| alter(format!("DROP CONSTRAINT {}", quote_ident(name)));
        let stale = self.next.iter().filter(|next| !self.old.iter().any(|old| old.is(next)));
        let mut needed: Vec<_> =
            stale.map(|stale| Needed::constraint(&stale.what, vec![drop(&stale.name)])).collect();
        for old in self.old.iter().filter(|old| old.lacks.is_none()) {
            let found = self.next.iter().find(|next| old.is(next));
            let name = quote_ident(&old.name);
            let mut statements = Vec::new();
            if old.kind == Kind::Unique {
                if found.is_none() {
                    let index = before.iter().find(|index| Some(&index.name) == old.index.as_ref());
                    let Some(index) = index else { continue };
                    let name = beside(&Ident::new(&old.name)?, "next")?;
                    if !there.iter().any(|there| there.name == name.as_str()) {
                        statements.push(index.create(&name, next));
                    }
                    let timing = &old.timing;
                    statements.push(alter(format!(
                        "ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{timing}"
                    )));
                }
            } else {
                if found.is_none() {
                    // What is not to be enforced says so itself.
                    let is_lax = old.definition.ends_with("NOT ENFORCED");
                    let lax = if is_lax { "" } else { " NOT VALID" };
                    let definition = &old.definition;
                    statements.push(alter(format!("ADD CONSTRAINT {name} {definition}{lax}")));
                }
                if old.validated && !found.is_some_and(|found| found.validated) {
                    statements.push(alter(format!("VALIDATE CONSTRAINT {name}")));
                }
            }
            if !statements.is_empty() {
                needed.push(Needed {
                    undo: (old.kind != Kind::Unique)
                        .then(|| alter(format!("DROP CONSTRAINT IF EXISTS {name}"))),
                    locks_another: old.kind == Kind::ForeignKey,
                    is_index: old.kind == Kind::Unique,
                    ..Needed::constraint(&old.what, statements)
                });
            }
        }
        Ok(needed)
    }
}

fn impossible(old: &Constraint) -> Option<Obstacle> {
    let why = format!("the new table does not have these columns: {}", old.lacks.as_ref()?);
    Some(Obstacle { what: old.what.clone(), why })
}

/// Everything that `next` needs before it can take the old table's place: the indexes and the
/// constraints that it lacks.
pub(super) async fn needed(
    client: &Client,
    constraints: &Constraints,
    old: u32,
    (next, oid): (&QualifiedName, u32),
) -> Result<Vec<Needed>, Error> {
    let (before, there) = (carry::indexes(client, old).await?, carry::indexes(client, oid).await?);
    let mut needed = carry::missing_indexes(client, (&before, &there), (next, oid)).await?;
    needed.extend(constraints.needed(next, (&before, &there))?);
    Ok(needed)
}

async fn read(client: &Client, (of, other): (u32, u32)) -> Result<Vec<Constraint>, Error> {
    let rows = client.query(CONSTRAINTS, &[&of, &other]).await.map_err(Error::server(DOING))?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Constraint {
            name: row.try_get("name")?,
            kind: match row.try_get("kind")? {
                "u" => Kind::Unique,
                "c" => Kind::Check,
                _ => Kind::ForeignKey,
            },
            validated: row.try_get("validated")?,
            definition: row.try_get("definition")?,
            timing: row.try_get("timing")?,
            what: row.try_get("what")?,
            index: row.try_get("index")?,
            lacks: row.try_get("lacks")?,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::server(DOING))
}
