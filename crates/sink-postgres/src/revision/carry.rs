//! What belongs to a table beside its rows, and goes with its name when another table takes its
//! place. Whatever PostgreSQL says depends on the table and is not known here is an obstacle: nothing
//! is lost unnoticed.

use std::fmt;

use ampsync_schema::{Ident, QualifiedName, beside};
use tokio_postgres::Client;

use super::constraints::Needed;
use crate::error::Error;

/// Something that keeps a table from being replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obstacle {
    /// What it is, as PostgreSQL calls it: `materialized view m`.
    pub what: String,
    /// Why it cannot be carried over.
    pub why: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

const DOING: &str = "look at what depends on the table";

/// `$1` is the table, `$2` the one that is to take its place, `$3` the columns of the first one's
/// stream. Columns of the catalog that only newer servers have are reached through JSON.
const OBSTACLES: &str = "\
WITH types AS (
  SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typrelid = $1::oid
  UNION SELECT t.typarray FROM pg_catalog.pg_type t WHERE t.typrelid = $1::oid
), depending AS (
  SELECT DISTINCT d.classid, d.objid FROM pg_catalog.pg_depend d
  WHERE (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1::oid)
     OR (d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid IN (SELECT oid FROM types))
), judged AS (
  SELECT d.classid, d.objid, CASE d.classid
    WHEN 'pg_catalog.pg_type'::regclass THEN CASE
      WHEN d.objid IN (SELECT oid FROM types) THEN NULL ELSE 'it uses the type of the rows' END
    WHEN 'pg_catalog.pg_class'::regclass THEN (
      SELECT CASE WHEN k.relkind = 't' OR (k.relkind = 'i' AND EXISTS (
                    SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = k.oid AND i.indrelid = $1::oid))
                  THEN NULL ELSE 'it is built on this table' END
      FROM pg_catalog.pg_class k WHERE k.oid = d.objid)
    WHEN 'pg_catalog.pg_constraint'::regclass THEN (
      SELECT CASE WHEN k.contype = 'f' AND k.confrelid = $1::oid THEN 'it points to rows of this table'
                  WHEN k.conrelid = $1::oid AND k.contype IN ('p', 'n', 'u', 'c', 'f') THEN NULL
                  ELSE 'nobody knows how to carry it over' END
      FROM pg_catalog.pg_constraint k WHERE k.oid = d.objid)
    WHEN 'pg_catalog.pg_trigger'::regclass THEN (
      SELECT CASE WHEN k.tgrelid = $1::oid AND (k.tgisinternal OR k.tgconstraint = 0) THEN NULL
                  ELSE 'it is a trigger of a constraint' END
      FROM pg_catalog.pg_trigger k WHERE k.oid = d.objid)
    WHEN 'pg_catalog.pg_policy'::regclass THEN (
      SELECT CASE WHEN k.polrelid = $1::oid THEN NULL ELSE 'it is a policy of another table' END
      FROM pg_catalog.pg_policy k WHERE k.oid = d.objid)
    WHEN 'pg_catalog.pg_publication_rel'::regclass THEN (
      SELECT CASE WHEN pg_catalog.to_jsonb(k)->>'prqual' IS NULL
                   AND pg_catalog.to_jsonb(k)->>'prattrs' IS NULL THEN NULL
                  ELSE 'the publication chooses rows or columns' END
      FROM pg_catalog.pg_publication_rel k WHERE k.oid = d.objid)
    WHEN 'pg_catalog.pg_rewrite'::regclass THEN (
      SELECT CASE
        WHEN v.oid = $1::oid THEN 'it is a rule of this table'
        WHEN v.relkind = 'm' THEN 'a materialized view cannot be pointed to another table'
        WHEN v.relkind <> 'v' OR r.ev_type <> '1' THEN 'a rule cannot be pointed to another table'
        WHEN NOT pg_catalog.pg_has_role(v.relowner, 'USAGE') THEN 'the role of ampsync does not own it'
        WHEN misfits.columns IS NOT NULL
          THEN 'the new table does not have these columns as it needs them: ' || misfits.columns
        END
      FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
      CROSS JOIN LATERAL (
        SELECT pg_catalog.string_agg(DISTINCT o.attname::text, ', ') AS columns
        FROM pg_catalog.pg_depend p
        JOIN pg_catalog.pg_attribute o ON o.attrelid = $1::oid AND o.attnum = p.refobjsubid
        LEFT JOIN pg_catalog.pg_attribute n
          ON n.attrelid = $2::oid AND n.attname = o.attname AND NOT n.attisdropped
        WHERE p.classid = 'pg_catalog.pg_rewrite'::regclass AND p.objid = r.oid
          AND p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid = $1::oid
          AND p.refobjsubid > 0
          AND (n.attname IS NULL OR (n.atttypid, n.atttypmod, n.attcollation)
                                    IS DISTINCT FROM (o.atttypid, o.atttypmod, o.attcollation))
      ) misfits
      WHERE r.oid = d.objid)
    ELSE 'nobody knows how to carry it over' END AS why
  FROM depending d
)
SELECT CASE WHEN j.classid = 'pg_catalog.pg_rewrite'::regclass
            THEN (SELECT CASE v.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
                                        ELSE 'rule ' || r.rulename || ' of ' END
                         || v.oid::regclass::text
                  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
                  WHERE r.oid = j.objid)
            ELSE pg_catalog.pg_describe_object(j.classid, j.objid, 0) END AS what, j.why
FROM judged j WHERE j.why IS NOT NULL
UNION ALL
SELECT 'column ' || pg_catalog.quote_ident(a.attname), 'it is not the stream''s, and somebody may need its values'
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attname = ANY ($3::text[])
UNION ALL
SELECT 'the table itself', CASE WHEN c.relkind <> 'r' THEN 'it is partitioned'
         WHEN c.relreplident = 'i' THEN 'its replica identity is an index'
         ELSE 'it is part of an inheritance' END
FROM pg_catalog.pg_class c
WHERE c.oid = $1::oid AND (c.relkind <> 'r' OR c.relreplident = 'i' OR c.relispartition
  OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE $1::oid IN (i.inhrelid, i.inhparent)))
UNION ALL
SELECT 'security label of ' || s.provider, 'nobody knows how to carry it over'
FROM pg_catalog.pg_seclabel s
WHERE s.objoid = $1::oid AND s.classoid = 'pg_catalog.pg_class'::regclass
ORDER BY 1, 2";

/// The statements that give the table `$2`, once it is called `$3`, what table `$1` has now, which is
/// called `$4` by then, and take from it what it has from when it was the current one before. To be read before anything is renamed, with an empty `search_path`, so that every
/// name in them is whole.
const STATEMENTS: &str = "\
WITH old AS (SELECT * FROM pg_catalog.pg_class WHERE oid = $1::oid),
new AS (SELECT * FROM pg_catalog.pg_class WHERE oid = $2::oid),
role AS (SELECT 0::oid AS oid, 'PUBLIC' AS name
         UNION ALL SELECT oid, pg_catalog.quote_ident(rolname) FROM pg_catalog.pg_roles),
columns AS (SELECT o.*, n.attnum AS new_attnum FROM pg_catalog.pg_attribute o
            JOIN pg_catalog.pg_attribute n ON n.attrelid = $2::oid AND n.attname = o.attname
                                          AND NOT n.attisdropped
            WHERE o.attrelid = $1::oid AND o.attnum > 0 AND NOT o.attisdropped)
SELECT statement FROM (
SELECT 1 AS step, pg_catalog.format('ALTER TABLE %s OWNER TO %s', $3::text, role.name) AS statement
FROM old, new, role WHERE role.oid = old.relowner AND old.relowner <> new.relowner
UNION ALL
SELECT DISTINCT 2, pg_catalog.format('REVOKE ALL ON TABLE %s FROM %s CASCADE', $3::text, role.name)
FROM new, role WHERE role.oid <> new.relowner AND (
  EXISTS (SELECT FROM pg_catalog.aclexplode(new.relacl) a WHERE a.grantee = role.oid)
  OR EXISTS (SELECT FROM pg_catalog.pg_attribute n, pg_catalog.aclexplode(n.attacl) a
             WHERE n.attrelid = $2::oid AND a.grantee = role.oid))
UNION ALL
SELECT 3, pg_catalog.format('GRANT %s ON TABLE %s TO %s%s', pg_catalog.string_agg(a.privilege_type, ', '),
         $3::text, role.name, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM old, pg_catalog.aclexplode(old.relacl) a JOIN role ON role.oid = a.grantee
WHERE a.grantee <> old.relowner GROUP BY role.name, a.is_grantable
UNION ALL
SELECT 3, pg_catalog.format('GRANT %s (%I) ON TABLE %s TO %s%s', a.privilege_type, c.attname, $3::text, role.name,
         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM columns c, pg_catalog.aclexplode(c.attacl) a JOIN role ON role.oid = a.grantee
UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON TABLE %s IS %L', $3::text, pg_catalog.obj_description($1::oid, 'pg_class'))
WHERE pg_catalog.obj_description($1::oid, 'pg_class') IS NOT NULL
  AND pg_catalog.obj_description($2::oid, 'pg_class') IS NULL
UNION ALL
SELECT 4, pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', $3::text, c.attname,
         pg_catalog.col_description($1::oid, c.attnum))
FROM columns c WHERE pg_catalog.col_description($1::oid, c.attnum) IS NOT NULL
  AND pg_catalog.col_description($2::oid, c.new_attnum) IS NULL
UNION ALL
SELECT 5, pg_catalog.format('ALTER TABLE %s SET (%s)', $3::text,
         pg_catalog.string_agg(pg_catalog.format('%I = %L', o.option_name, o.option_value), ', '))
FROM old, pg_catalog.pg_options_to_table(old.reloptions) o HAVING count(*) > 0
UNION ALL
SELECT 5, pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY %s', $3::text,
         CASE old.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
FROM old WHERE old.relreplident IN ('f', 'n')
UNION ALL
SELECT 5, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', $3::text, c.attname, c.attstattarget)
FROM columns c WHERE c.attstattarget >= 0
UNION ALL
SELECT 6, pg_catalog.format('DROP POLICY %I ON %s', p.polname, $3::text)
FROM pg_catalog.pg_policy p WHERE p.polrelid = $2::oid
UNION ALL
SELECT 6, pg_catalog.format('DROP TRIGGER %I ON %s', t.tgname, $3::text)
FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $2::oid AND NOT t.tgisinternal
UNION ALL
SELECT 7, pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, $3::text,
         CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
         CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                       WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
         (SELECT pg_catalog.string_agg(role.name, ', ') FROM role WHERE role.oid = ANY (p.polroles)),
         ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
         ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')
FROM pg_catalog.pg_policy p WHERE p.polrelid = $1::oid
UNION ALL
SELECT 7, pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', $3::text) FROM old WHERE old.relrowsecurity
UNION ALL
SELECT 7, pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', $3::text)
FROM old, new WHERE new.relrowsecurity AND NOT old.relrowsecurity
UNION ALL
SELECT 7, pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', $3::text) FROM old WHERE old.relforcerowsecurity
UNION ALL
SELECT 8, pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t
WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal
UNION ALL
SELECT 9, pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', $3::text,
         CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname)
FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal AND t.tgenabled <> 'O'
UNION ALL
SELECT 10, pg_catalog.format('ALTER PUBLICATION %I DROP TABLE %s', p.pubname, $4::text)
FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1::oid
UNION ALL
SELECT 11, pg_catalog.format('ALTER PUBLICATION %I ADD TABLE %s', p.pubname, $3::text)
FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1::oid
UNION ALL
SELECT 12, pg_catalog.format('CREATE OR REPLACE VIEW %I.%I%s AS %s', n.nspname, v.relname,
         (SELECT ' WITH (' || pg_catalog.string_agg(pg_catalog.format('%I = %L', o.option_name, o.option_value), ', ') || ')'
          FROM pg_catalog.pg_options_to_table(v.reloptions) o),
         pg_catalog.rtrim(pg_catalog.pg_get_viewdef(v.oid), ';'))
FROM pg_catalog.pg_class v JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
WHERE v.relkind = 'v' AND v.oid IN (
  SELECT r.ev_class FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
  WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.refobjid = $1::oid)
) AS statements ORDER BY step, statement";

/// The indexes of a table. What follows the table's name in the definition is the same for two
/// indexes that do the same.
const INDEXES: &str = "\
SELECT c.relname::text AS name, i.indisprimary AS primary, i.indisunique AS unique,
       pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.length(pg_catalog.format(
         'CREATE %sINDEX %I ON %I.%I', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname,
         n.nspname, t.relname)) + 1) AS rest,
       i.indisvalid AS valid, (SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
         WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')) AS constraint,
       ARRAY(SELECT coalesce(a.attname::text, '')
             FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, position)
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.position <= i.indnkeyatts ORDER BY k.position) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
               AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid
               AND d.refobjsubid > 0) AS needs
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE i.indrelid = $1::oid ORDER BY c.relname";

/// An index of a table.
pub(super) struct Index {
    pub(super) name: String,
    pub(super) primary: bool,
    unique: bool,
    /// What it does.
    pub(super) rest: String,
    /// Whether it can be used.
    valid: bool,
    /// The constraint that it is there for.
    constraint: Option<String>,
    pub(super) columns: Vec<String>,
    /// All columns that it reads.
    needs: Vec<String>,
}

impl Index {
    /// Whether both do the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let is_same = self.rest == other.rest && self.unique == other.unique;
        self.primary == other.primary
            && self.constraint == other.constraint
            && (is_same || self.constraint.is_some())
    }

    /// The statement that builds one like it on another table.
    pub(super) fn create(&self, name: &Ident, table: &QualifiedName) -> String {
        let unique = if self.unique { "UNIQUE " } else { "" };
        format!("CREATE {unique}INDEX {name} ON {table}{}", self.rest)
    }
}

pub(super) async fn indexes(client: &Client, oid: u32) -> Result<Vec<Index>, Error> {
    let rows = client.query(INDEXES, &[&oid]).await.map_err(Error::server(DOING))?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Index {
            name: row.try_get("name")?,
            primary: row.try_get("primary")?,
            unique: row.try_get("unique")?,
            rest: row.try_get("rest")?,
            valid: row.try_get("valid")?,
            constraint: row.try_get("constraint")?,
            columns: row.try_get("columns")?,
            needs: row.try_get("needs")?,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::server(DOING))
}

/// The indexes of a table that `next` lacks, beside those of constraints. One that reads a column that is no
/// longer there has nothing to index.
pub(super) async fn missing_indexes(
    client: &Client,
    (before, there): (&[Index], &[Index]),
    (next, oid): (&QualifiedName, u32),
) -> Result<Vec<Needed>, Error> {
    let select = "SELECT attname::text FROM pg_catalog.pg_attribute \
                  WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped";
    let rows = client.query(select, &[&oid]).await.map_err(Error::server(DOING))?;
    let columns: Vec<String> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()
        .map_err(Error::server(DOING))?;
    let mut needed = Vec::new();
    for index in before.iter().filter(|index| index.valid && index.constraint.is_none()) {
        let is_there = there.iter().any(|other| index.is_like(other));
        if !is_there && index.needs.iter().all(|name| columns.contains(name)) {
            let name = beside(&Ident::new(&index.name)?, "next")?;
            needed.push(Needed::index(&index.name, index.create(&name, next)));
        }
    }
    Ok(needed)
}

/// What keeps table `old` from being replaced by table `next`.
pub(super) async fn obstacles(
    client: &Client,
    (old, next): (u32, u32),
    columns: &[String],
) -> Result<Vec<Obstacle>, Error> {
    let rows = client.query(OBSTACLES, &[&old, &next, &columns]).await;
    let rows = rows.map_err(Error::server(DOING))?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Obstacle { what: row.try_get("what")?, why: row.try_get("why")? })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::server(DOING))
}

/// The statements that carry over what belongs to `old`: see [`STATEMENTS`].
pub(super) async fn statements(
    client: &Client,
    (old, next): (u32, u32),
    (name, kept): (&QualifiedName, &QualifiedName),
) -> Result<Vec<String>, Error> {
    let (name, kept) = (name.to_string(), kept.to_string());
    let rows = client.query(STATEMENTS, &[&old, &next, &name, &kept]).await;
    let rows = rows.map_err(Error::server(DOING))?;
    let read = |row: &tokio_postgres::Row| row.try_get(0);
    rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::server(DOING))
}
