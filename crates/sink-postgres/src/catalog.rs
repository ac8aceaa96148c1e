//! What PostgreSQL's catalog says of a table that may be there.

use ampsync_schema::{ExistingColumn, Ident, QualifiedName};
use tokio_postgres::Client;

/// A relation with the name we want.
pub(crate) struct Relation {
    oid: u32,
    kind: String,
}

impl Relation {
    /// The relation called `name`, if there is one.
    pub(crate) async fn find(
        client: &Client,
        name: &QualifiedName,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let select = "SELECT c.oid, c.relkind::text FROM pg_catalog.pg_class c \
                      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                      WHERE n.nspname = $1::text AND c.relname = $2::text";
        let (schema, name) = (name.schema.as_str(), name.name.as_str());
        let row = client.query_opt(select, &[&schema, &name]).await?;
        row.map(|row| Ok(Self { oid: row.try_get(0)?, kind: row.try_get(1)? })).transpose()
    }

    /// Whether rows can be copied into it: a plain or a partitioned table.
    pub(crate) fn is_table(&self) -> bool {
        self.kind == "r" || self.kind == "p"
    }

    /// Its columns.
    pub(crate) async fn columns(
        &self,
        client: &Client,
    ) -> Result<Vec<ExistingColumn>, tokio_postgres::Error> {
        let select = "SELECT attname::text, pg_catalog.format_type(atttypid, atttypmod), \
                             NOT attnotnull, atthasdef OR attidentity <> '', attgenerated <> '' \
                      FROM pg_catalog.pg_attribute \
                      WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
        let rows = client.query(select, &[&self.oid]).await?;
        rows.iter()
            .map(|row| {
                let mut column = ExistingColumn::default();
                column.name = row.try_get(0)?;
                column.ty = row.try_get(1)?;
                column.nullable = row.try_get(2)?;
                column.has_default = row.try_get(3)?;
                column.generated = row.try_get(4)?;
                Ok(column)
            })
            .collect()
    }

    /// Whether a B-tree over all rows begins with `column`.
    pub(crate) async fn has_index(
        &self,
        client: &Client,
        column: &Ident,
    ) -> Result<bool, tokio_postgres::Error> {
        let select = "SELECT EXISTS (SELECT FROM pg_catalog.pg_index i \
                        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
                        JOIN pg_catalog.pg_am m ON m.oid = c.relam \
                        JOIN pg_catalog.pg_attribute a \
                          ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
                        WHERE i.indrelid = $1 AND i.indisvalid AND i.indpred IS NULL \
                          AND m.amname = 'btree' AND a.attname = $2::text)";
        client.query_one(select, &[&self.oid, &column.as_str()]).await?.try_get(0)
    }
}

/// Whether there is a schema called `name`.
pub(crate) async fn has_schema(
    client: &Client,
    name: &Ident,
) -> Result<bool, tokio_postgres::Error> {
    let select = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1::text)";
    client.query_one(select, &[&name.as_str()]).await?.try_get(0)
}

/// Whether `table` has a row.
pub(crate) async fn has_rows(
    client: &Client,
    table: &QualifiedName,
) -> Result<bool, tokio_postgres::Error> {
    let select = format!("SELECT EXISTS (SELECT FROM {table})");
    client.query_one(&select, &[]).await?.try_get(0)
}
