//! What PostgreSQL's catalog says of a table that may be there.

use ampsync_schema::{
    AddedIndex, ExistingColumn, ExistingIndex, ExistingTable, Ident, QualifiedName, quote_ident,
};
use tokio_postgres::{Client, Row};

use crate::database::Database;
use crate::error::Error;
use crate::hazard::Hazard;

/// A relation with the name we want.
pub(crate) struct Relation {
    oid: u32,
    kind: String,
    comment: Option<String>,
    /// What our role may not do with it, as `GRANT` calls it.
    pub(crate) denied: Vec<String>,
    /// Our role.
    pub(crate) role: String,
    /// Whether our role may use the schema it is in.
    pub(crate) reachable: bool,
    /// Whether our role may empty it at once.
    pub(crate) truncatable: bool,
    /// Whether our role may change what it is like, as its owner may.
    pub(crate) owned: bool,
    /// Why rows would not be safe in it.
    pub(crate) hazards: Vec<Hazard>,
}

/// Columns may have rights of their own, except to delete.
const FIND: &str = "\
SELECT c.oid, c.relkind::text AS kind, current_user::text AS role,
       pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
       pg_catalog.array_remove(ARRAY[
         CASE WHEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
               AND NOT pg_catalog.has_any_column_privilege(c.oid, 'SELECT') THEN 'SELECT' END,
         CASE WHEN NOT pg_catalog.has_table_privilege(c.oid, 'INSERT')
               AND NOT pg_catalog.has_any_column_privilege(c.oid, 'INSERT') THEN 'INSERT' END,
         CASE WHEN NOT pg_catalog.has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END
       ], NULL) AS denied,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS reachable,
       pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') AS truncatable,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       ARRAY(SELECT pg_catalog.format('%I.%I', un.nspname, u.relname)
             FROM pg_catalog.pg_class u JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace
             WHERE u.relpersistence = 'u'
               AND (u.oid = c.oid OR u.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)))
             ORDER BY 1) AS unlogged,
       ARRAY(SELECT pg_catalog.format('%I.%I', kn.nspname, k.relname)
             FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
             JOIN pg_catalog.pg_namespace kn ON kn.oid = k.relnamespace
             WHERE i.inhparent = c.oid AND c.relkind = 'r' ORDER BY 1) AS children,
       ARRAY(SELECT pg_catalog.quote_ident(r.rulename) FROM pg_catalog.pg_rewrite r
             WHERE r.ev_class = c.oid AND c.relkind IN ('r', 'p') AND r.ev_type = '4'
               AND r.is_instead AND r.ev_enabled IN ('O', 'A') ORDER BY 1) AS rules,
       pg_catalog.row_security_active(c.oid) AS secured,
       c.relforcerowsecurity AND pg_catalog.pg_has_role(c.relowner, 'USAGE') AS forced
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text";

const COLUMNS: &str = "\
SELECT attname::text AS name, pg_catalog.format_type(atttypid, atttypmod) AS type,
       NOT attnotnull AS nullable,
       attidentity <> '' OR (atthasdef AND attgenerated = '') AS has_default,
       attgenerated <> '' AS generated, pg_catalog.col_description(attrelid, attnum) AS comment
FROM pg_catalog.pg_attribute
WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

/// The columns that an index merely includes are no part of its key.
const INDEXES: &str = "\
SELECT c.relname::text AS name, m.amname::text AS method, i.indisprimary AS primary,
       i.indisunique AS unique, i.indisvalid AND i.indpred IS NULL AS whole,
       ARRAY(SELECT coalesce(a.attname::text, '')
             FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, position)
             LEFT JOIN pg_catalog.pg_attribute a
               ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.position <= i.indnkeyatts ORDER BY k.position) AS columns
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE i.indrelid = $1 ORDER BY c.relname";

impl Relation {
    /// The relation called `name`, if there is one.
    pub(crate) async fn find(
        client: &Client,
        name: &QualifiedName,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let (schema, name) = (name.schema.as_str(), name.name.as_str());
        let row = client.query_opt(FIND, &[&schema, &name]).await?;
        row.map(|row| Self::read(&row)).transpose()
    }

    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let role: String = row.try_get("role")?;
        let mut hazards = Vec::new();
        let unlogged: Vec<String> = row.try_get("unlogged")?;
        if !unlogged.is_empty() {
            hazards.push(Hazard::Unlogged { tables: unlogged });
        }
        if row.try_get("secured")? {
            let forced = row.try_get("forced")?;
            hazards.push(Hazard::RowSecurity { role: role.clone(), forced });
        }
        let children: Vec<String> = row.try_get("children")?;
        if !children.is_empty() {
            hazards.push(Hazard::Children { tables: children });
        }
        let rules: Vec<String> = row.try_get("rules")?;
        if !rules.is_empty() {
            hazards.push(Hazard::DeleteRules { rules });
        }
        let (oid, kind) = (row.try_get("oid")?, row.try_get("kind")?);
        let (comment, denied) = (row.try_get("comment")?, row.try_get("denied")?);
        let (reachable, truncatable) = (row.try_get("reachable")?, row.try_get("truncatable")?);
        let owned = row.try_get("owned")?;
        Ok(Self { oid, kind, comment, denied, role, reachable, truncatable, owned, hazards })
    }

    /// What the catalog calls it.
    pub(crate) fn oid(&self) -> u32 {
        self.oid
    }

    /// Whether rows can be copied into it: a plain or a partitioned table.
    pub(crate) fn is_table(&self) -> bool {
        self.kind == "r" || self.kind == "p"
    }

    /// Everything a wanted table is compared with.
    pub(crate) async fn existing(
        &self,
        client: &Client,
    ) -> Result<ExistingTable, tokio_postgres::Error> {
        let key: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&self.oid];
        let (columns, indexes) =
            futures::try_join!(client.query(COLUMNS, &key), client.query(INDEXES, &key))?;
        let mut table = ExistingTable::default();
        table.comment.clone_from(&self.comment);
        for row in &columns {
            let mut column = ExistingColumn::default();
            column.name = row.try_get("name")?;
            column.ty = row.try_get("type")?;
            column.nullable = row.try_get("nullable")?;
            column.has_default = row.try_get("has_default")?;
            column.generated = row.try_get("generated")?;
            column.comment = row.try_get("comment")?;
            table.columns.push(column);
        }
        for row in &indexes {
            if row.try_get("primary")? {
                table.primary_key = row.try_get("columns")?;
                table.primary_key_name = Some(row.try_get("name")?);
                continue;
            }
            let mut index = ExistingIndex::default();
            index.name = row.try_get("name")?;
            index.columns = row.try_get("columns")?;
            index.method = row.try_get("method")?;
            index.unique = row.try_get("unique")?;
            index.whole = row.try_get("whole")?;
            table.indexes.push(index);
        }
        Ok(table)
    }
}

impl Database {
    /// The table called `table` as PostgreSQL's catalog describes it, or `None` if nothing has the
    /// name. Nothing is written, and no right to the table is needed. Cancellation is harmless.
    ///
    /// # Errors
    /// [`Error::NotATable`] where the name belongs to a view or anything else that is not a plain
    /// or partitioned table, and whatever keeps the server from answering.
    pub async fn existing(&self, table: &QualifiedName) -> Result<Option<ExistingTable>, Error> {
        const DOING: &str = "look for the table";
        let connection = self.connection().await?;
        let relation = self.answer(DOING, Relation::find(&connection, table)).await?;
        let existing = match &relation {
            None => None,
            Some(relation) if relation.is_table() => {
                let existing = relation.existing(&connection);
                Some(self.answer("read the table's columns and indexes", existing).await?)
            }
            Some(_) => return Err(Error::NotATable(table.clone())),
        };
        connection.keep();
        Ok(existing)
    }
}

/// Where a table is to be created.
pub(crate) struct Place {
    /// Whether the schema is there.
    pub(crate) exists: bool,
    /// Whether our role may create the table, or where there is no schema yet, the schema.
    pub(crate) allowed: bool,
    /// Our role.
    pub(crate) role: String,
}

impl Place {
    /// What the catalog says of the schema called `name`.
    pub(crate) async fn find(client: &Client, name: &str) -> Result<Self, tokio_postgres::Error> {
        let select = "SELECT n.oid IS NOT NULL AS exists, current_user::text AS role, \
                        CASE WHEN n.oid IS NULL \
                          THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') \
                          ELSE pg_catalog.has_schema_privilege(n.oid, 'CREATE') \
                           AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') END AS allowed \
                      FROM (VALUES (1)) AS one \
                      LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1::text";
        let row = client.query_one(select, &[&name]).await?;
        let (exists, role) = (row.try_get("exists")?, row.try_get("role")?);
        Ok(Self { exists, allowed: row.try_get("allowed")?, role })
    }

    /// The error, unless what is `wanted` there can be created.
    pub(crate) fn check(&self, schema: &Ident, wanted: &str) -> Result<(), Error> {
        if self.allowed {
            return Ok(());
        }
        let role = quote_ident(&self.role);
        let statement = if self.exists {
            format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")
        } else {
            format!("CREATE SCHEMA {schema} AUTHORIZATION {role}")
        };
        let what = format!("create {wanted}");
        Err(Error::Privilege { role: self.role.clone(), what, statement })
    }
}

/// Whether `table` has a row.
pub(crate) async fn has_rows(
    client: &Client,
    table: &QualifiedName,
) -> Result<bool, tokio_postgres::Error> {
    let select = format!("SELECT EXISTS (SELECT FROM {table})");
    client.query_one(&select, &[]).await?.try_get(0)
}

/// Whether the rows of a table obey a key or a unique index.
pub(crate) enum Obedience {
    /// They do.
    Obeyed,
    /// Several rows share these values.
    Shared(String),
    /// A row has no value in a column of the key.
    Missing,
    /// It would take too long to find out.
    Unknown,
}

/// How long the rows of a table are looked at.
const LOOK_MS_MAX: u32 = 5_000;

/// Looks whether the rows of `table` obey a key or a unique index to come, in the transaction that
/// is open.
pub(crate) async fn disobeyed(
    database: &Database,
    client: &Client,
    table: &QualifiedName,
    index: &AddedIndex,
) -> Result<Obedience, Error> {
    const DOING: &str = "look at the table's rows";
    let names: Vec<_> = index.columns.iter().map(|column| quote_ident(column)).collect();
    let each = |form: &dyn Fn(&String) -> String, between: &str| {
        names.iter().map(form).collect::<Vec<_>>().join(between)
    };
    let missing = format!(
        "SELECT EXISTS (SELECT FROM {table} WHERE {})",
        each(&|name| format!("{name} IS NULL"), " OR ")
    );
    // Rows without a value are different from all others.
    let shared = format!(
        "SELECT pg_catalog.left(pg_catalog.concat_ws(', ', {}), 200) FROM {table} WHERE {} \
         GROUP BY {} HAVING pg_catalog.count(*) > 1 LIMIT 1",
        each(&|name| format!("{name}::text"), ", "),
        each(&|name| format!("{name} IS NOT NULL"), " AND "),
        names.join(", ")
    );
    // What is cancelled must not take the transaction with it.
    let begin = format!("SAVEPOINT look; SET LOCAL statement_timeout = {LOOK_MS_MAX}");
    database.answer(DOING, client.batch_execute(&begin)).await?;
    let look = async {
        if index.primary && client.query_one(&missing, &[]).await?.try_get(0)? {
            return Ok(Obedience::Missing);
        }
        let shared = client.query_opt(&shared, &[]).await?;
        let values: Option<String> = shared.map(|row| row.try_get(0)).transpose()?;
        Ok(values.map_or(Obedience::Obeyed, Obedience::Shared))
    };
    let obedience = match database.answer(DOING, look).await {
        Err(Error::Server { source, .. }) if source.code() == Some("57014") => Obedience::Unknown,
        answer => answer?,
    };
    // Undoes the limit too.
    database.answer(DOING, client.batch_execute("ROLLBACK TO SAVEPOINT look")).await?;
    Ok(obedience)
}
