//! What helps against a rule of the table that the stream's rows break. The server names the rule;
//! the statements here are made from those names.

use ampsync_schema::quote_ident;
use tokio_postgres::error::DbError;

/// What to do about an integrity violation (SQLSTATE class 23), with the statement that takes the
/// rule away.
pub(crate) fn remedy(error: &DbError) -> Option<String> {
    let schema = error.schema()?;
    let table = format!("{}.{}", quote_ident(schema), quote_ident(error.table()?));
    let code = error.code().code();
    if let ("23502", Some(column)) = (code, error.column()) {
        return Some(format!(
            "the stream has NULL where the table wants a value: take the column out of the primary \
             key, if it is in it, and run: ALTER TABLE {table} ALTER COLUMN {} DROP NOT NULL;",
            quote_ident(column)
        ));
    }
    let Some(constraint) = error.constraint() else {
        let default = quote_ident(&format!("{}_default", error.table()?));
        // The only violation without a name: a row that no partition takes.
        return (code == "23514").then(|| {
            format!(
                "add a partition that takes the row, or one for all that no other takes: \
                 CREATE TABLE {}.{default} PARTITION OF {table} DEFAULT;",
                quote_ident(schema)
            )
        });
    };
    let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {}", quote_ident(constraint));
    Some(match code {
        // A unique index need not be a constraint.
        "23505" => format!(
            "the stream has several rows with these values: choose columns that tell every row \
             apart for the key or the unique index, in the options too if it is from there, and \
             run: ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {}; DROP INDEX IF EXISTS {}.{};",
            quote_ident(constraint),
            quote_ident(schema),
            quote_ident(constraint)
        ),
        "23503" | "23001" => format!(
            "a reorg deletes rows, and tables are streamed one by one, so that no foreign key can \
             hold at all times; run: {drop};"
        ),
        _ => format!("correct the constraint so that the stream's rows pass, or run: {drop};"),
    })
}
