//! Reads what PostgreSQL's catalog says of a table: not the sink's reader, but another opinion.

use ampsync_schema::{ExistingColumn, ExistingIndex, ExistingTable};
use tokio_postgres::Client;

pub(crate) async fn read(client: &Client, regclass: &str) -> ExistingTable {
    let mut table = ExistingTable::default();
    let rows = client
        .query(
            "SELECT attname::text, format_type(atttypid, atttypmod), NOT attnotnull, \
                    (atthasdef AND attgenerated = '') OR attidentity <> '', attgenerated <> '', \
                    col_description(attrelid, attnum) \
             FROM pg_attribute \
             WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped \
             ORDER BY attnum",
            &[&regclass],
        )
        .await
        .unwrap();
    for row in rows {
        let mut column = ExistingColumn::default();
        column.name = row.get(0);
        column.ty = row.get(1);
        column.nullable = row.get(2);
        column.has_default = row.get(3);
        column.generated = row.get(4);
        column.comment = row.get(5);
        table.columns.push(column);
    }
    let rows = client
        .query(
            "SELECT c.relname::text, m.amname::text, i.indisunique, i.indisprimary, \
                    i.indisvalid AND i.indpred IS NULL, \
                    ARRAY(SELECT coalesce(a.attname::text, '') \
                          FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, place) \
                          LEFT JOIN pg_attribute a \
                            ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
                          WHERE k.place <= i.indnkeyatts ORDER BY k.place) \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_am m ON m.oid = c.relam \
             WHERE i.indrelid = to_regclass($1::text) ORDER BY c.relname",
            &[&regclass],
        )
        .await
        .unwrap();
    for row in rows {
        let columns: Vec<String> = row.get(5);
        if row.get(3) {
            table.primary_key = columns;
            table.primary_key_name = Some(row.get(0));
            continue;
        }
        let mut index = ExistingIndex::default();
        index.name = row.get(0);
        index.method = row.get(1);
        index.unique = row.get(2);
        index.whole = row.get(4);
        index.columns = columns;
        table.indexes.push(index);
    }
    let comment = "SELECT obj_description(to_regclass($1::text), 'pg_class')";
    table.comment = client.query_one(comment, &[&regclass]).await.unwrap().get(0);
    table
}
