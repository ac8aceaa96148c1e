//! Pieces of SQL text, and of reading answers, that several statements need.

use std::fmt::Write;

use ampsync_schema::{Ident, QualifiedName};
use sync_core::chain::BlockNum;
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

use crate::error::Error;

/// Bytes as a literal.
pub(crate) fn bytes_literal(bytes: &[u8]) -> String {
    let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        write!(digits, "{byte:02x}").unwrap_or_default();
        digits
    });
    format!("decode('{digits}', 'hex')")
}

/// A number as a literal, or NULL.
pub(crate) fn number_literal(number: Option<i64>) -> String {
    number.map_or("NULL".to_owned(), |number| number.to_string())
}

/// Deletes the rows of all these ranges of blocks, both ends included.
///
/// The planner has no statistics of what was just loaded and might read the whole table; with the
/// setting before it, it takes the index on the block column.
pub(crate) fn retract(
    table: &QualifiedName,
    block: &Ident,
    ranges: &[(BlockNum, BlockNum)],
) -> String {
    let conditions: Vec<_> = ranges
        .iter()
        .map(|(start, end)| format!("{block} BETWEEN {} AND {}", start.as_i64(), end.as_i64()))
        .collect();
    format!("SET LOCAL enable_seqscan = off; DELETE FROM {table} WHERE {}", conditions.join(" OR "))
}

/// Deletes all rows above `cursor`, or all rows.
pub(crate) fn delete_above(
    table: &QualifiedName,
    block: &Ident,
    cursor: Option<BlockNum>,
) -> String {
    match cursor {
        Some(cursor) => format!(
            "SET LOCAL enable_seqscan = off; DELETE FROM {table} WHERE {block} > {}",
            cursor.as_i64()
        ),
        None => format!("DELETE FROM {table}"),
    }
}

/// The one value of the one row.
pub(crate) fn scalar<T: FromSqlOwned + Default>(
    rows: &[Row],
    doing: &'static str,
) -> Result<T, Error> {
    rows.first()
        .map_or_else(|| Ok(T::default()), |row| row.try_get(0).map_err(Error::server(doing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_digits() {
        assert_eq!(bytes_literal(&[0, 255]), "decode('00ff', 'hex')");
    }

    #[test]
    fn several_ranges_are_deleted_in_one_statement() {
        let table =
            QualifiedName { schema: Ident::new("s").unwrap(), name: Ident::new("t").unwrap() };
        let range = |start: u32, end: u32| (BlockNum::from(start), BlockNum::from(end));
        assert_eq!(
            retract(&table, &Ident::new("b").unwrap(), &[range(1, 2), range(5, 9)]),
            "SET LOCAL enable_seqscan = off; DELETE FROM \"s\".\"t\" \
             WHERE \"b\" BETWEEN 1 AND 2 OR \"b\" BETWEEN 5 AND 9"
        );
    }

    #[tokio::test]
    async fn right_after_a_load_the_retraction_reads_the_index_only() {
        let cluster = ampsync_testkit::postgres::shared().await;
        let database = cluster.create_database().await.unwrap();
        let session = cluster.connect(&database).await.unwrap();
        let load = "CREATE TABLE public.t (b bigint NOT NULL, data text); \
                    CREATE INDEX ON public.t (b); \
                    INSERT INTO public.t SELECT n / 10, 'x' FROM generate_series(1, 50000) n";
        session.batch_execute(load).await.unwrap();
        let table =
            QualifiedName { schema: Ident::new("public").unwrap(), name: Ident::new("t").unwrap() };
        let block = Ident::new("b").unwrap();
        let range = |start: u32, end: u32| (BlockNum::from(start), BlockNum::from(end));
        for statement in [
            retract(&table, &block, &[range(4_990, 5_000)]),
            retract(&table, &block, &[range(1, 2), range(0, 5_000), range(9_000, 9_001)]),
            delete_above(&table, &block, Some(BlockNum::from(4_999_u32))),
        ] {
            let explained = format!("BEGIN; {}", statement.replace("DELETE", "EXPLAIN DELETE"));
            let messages = session.simple_query(&explained).await.unwrap();
            session.batch_execute("ROLLBACK").await.unwrap();
            let plan = format!("{messages:?}");
            assert!(plan.contains("Index Scan") && !plan.contains("Seq Scan"), "{plan}");
        }
    }
}
