//! The statements of an exchange, written before any of them is executed.

use ampsync_schema::{Ident, QualifiedName, beside, index_name};

use super::exchange::{Exchanged, Work};
use super::{RevisionKind, carry};
use crate::error::Error;

const DOING: &str = "look at the tables that are to be exchanged";

impl Work<'_> {
    /// The statements that exchange the names, and carry over what belongs to the table.
    pub(super) async fn statements(
        &self,
        other: &QualifiedName,
        oids: (u32, u32),
        kind: RevisionKind,
    ) -> Result<Exchanged, Error> {
        let (database, table) = (self.database, self.table);
        let mut taken = self.names().await?;
        let (kept, number) = self.kept_name(&taken)?;
        let carried = carry::statements(self.connection, oids, (table, &kept));
        let mut carried = database.bounded(DOING, carried).await?;
        let indexes = carry::indexes(self.connection, oids.0);
        let mut before = database.bounded(DOING, indexes).await?;
        let indexes = carry::indexes(self.connection, oids.1);
        let after = database.bounded(DOING, indexes).await?;
        let rename = |from: &str, to: &Ident| {
            let from = ampsync_schema::quote_ident(from);
            format!("ALTER INDEX {}.{from} RENAME TO {to}", table.schema)
        };
        let mut statements = Vec::new();
        for index in &before {
            let aside = free(&index.name, number, &taken)?;
            statements.push(rename(&index.name, &aside));
            taken.retain(|name| *name != index.name);
            taken.push(aside.as_str().to_owned());
        }
        statements.push(format!("ALTER TABLE {table} RENAME TO {}", kept.name));
        for index in &after {
            let like = before.iter().position(|old| old.is_like(index));
            let name = match like.map(|position| before.remove(position)) {
                Some(old) => Ident::new(old.name)?,
                None => index_name(&table.name, &index.columns, index.primary, |name| {
                    name != index.name && taken.iter().any(|taken| taken == name)
                })?,
            };
            if name.as_str() != index.name {
                statements.push(rename(&index.name, &name));
            }
            taken.push(name.as_str().to_owned());
        }
        statements.push(format!("ALTER TABLE {other} RENAME TO {}", table.name));
        statements.append(&mut carried);
        Ok(Exchanged { kept, kind, statements })
    }

    /// The statements that keep a table which was to take this one's place, as it was kept before.
    pub(super) async fn keep_again(
        &self,
        next: &QualifiedName,
        oid: u32,
    ) -> Result<(QualifiedName, Vec<String>), Error> {
        let mut taken = self.names().await?;
        let (kept, number) = self.kept_name(&taken)?;
        let indexes = carry::indexes(self.connection, oid);
        let mut statements = Vec::new();
        // Those that were built for the exchange would be in the way of the next one's.
        for index in self.database.bounded(DOING, indexes).await? {
            if index.name.ends_with("__next") {
                let aside = free(&index.name, number, &taken)?;
                let from = ampsync_schema::quote_ident(&index.name);
                statements
                    .push(format!("ALTER INDEX {}.{from} RENAME TO {aside}", self.table.schema));
                taken.push(aside.as_str().to_owned());
            }
        }
        statements.push(format!("ALTER TABLE {next} RENAME TO {}", kept.name));
        Ok((kept, statements))
    }

    /// The first free name for a table that is kept, and its number.
    fn kept_name(&self, taken: &[String]) -> Result<(QualifiedName, u32), Error> {
        let mut number = 1;
        loop {
            let name = beside(&self.table.name, &format!("v{number}"))?;
            if !taken.iter().any(|taken| taken == name.as_str()) {
                return Ok((QualifiedName { schema: self.table.schema.clone(), name }, number));
            }
            number += 1;
        }
    }

    /// All names of relations in the table's schema.
    async fn names(&self) -> Result<Vec<String>, Error> {
        let select = "SELECT c.relname::text FROM pg_catalog.pg_class c \
                      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 \
                      UNION SELECT k.table_name FROM ampsync.checkpoints k WHERE k.table_schema = $1";
        let schema = self.table.schema.as_str();
        let rows = self.database.answer(DOING, self.connection.query(select, &[&schema])).await?;
        let names: Result<_, _> = rows.iter().map(|row| row.try_get(0)).collect();
        names.map_err(Error::server(DOING))
    }
}

/// A name for an index that is kept.
fn free(name: &str, number: u32, taken: &[String]) -> Result<Ident, Error> {
    let name = Ident::new(name)?;
    let mut aside = beside(&name, &format!("v{number}"))?;
    let mut again = 0_u32;
    while taken.iter().any(|taken| taken == aside.as_str()) {
        again += 1;
        aside = beside(&name, &format!("v{number}_{again}"))?;
    }
    Ok(aside)
}
