//! What can be done about each error: whether it can pass, and what a person can do. Statements in
//! a remedy are ready to be run.

use std::borrow::Cow;

use ampsync_schema::{Conflict, Cost, QualifiedName, quote_ident, quote_literal};
use sync_core::{Classify, Fault};

use crate::error::{Error, ServerFailure};
use crate::server_error::ServerError;

impl Classify for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Server { source, .. } => source.verdict().0,
            Self::Servers { failures } => {
                // While one of them may come back, waiting can help.
                let can_pass =
                    |failure: &ServerFailure| failure.source.verdict().0 != Fault::Permanent;
                if failures.iter().any(can_pass) { Fault::Transient } else { Fault::Permanent }
            }
            Self::Alter { source, .. } => alter_fault(source),
            Self::Stalled { .. }
            | Self::NoConnection { .. }
            | Self::NotifyQueueFull { .. }
            | Self::Behind { .. }
            | Self::Locked { .. }
            | Self::AlreadyOpen(_) => Fault::Transient,
            Self::LeaseLost => Fault::Fenced,
            Self::Settings(_)
            | Self::Tls(_)
            | Self::TransactionPooling
            | Self::Name(_)
            | Self::Schema(_)
            | Self::Unsupported { .. }
            | Self::Conflict { .. }
            | Self::StillDiffers { .. }
            | Self::Unsafe { .. }
            | Self::RowsDisobey { .. }
            | Self::Privilege { .. }
            | Self::Identity { .. }
            | Self::ColumnsGone { .. }
            | Self::ForeignRows(_)
            | Self::TableGone(_)
            | Self::InUse { .. }
            | Self::NotKept(_)
            | Self::Superseded(_)
            | Self::Blocked { .. }
            | Self::NotATable(_)
            | Self::NewerBookkeeping { .. }
            | Self::Damaged { .. }
            | Self::Value { .. }
            | Self::OtherColumns { .. }
            | Self::TooLarge { .. } => Fault::Permanent,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Server { source, .. } => source.verdict().1,
            Self::Servers { failures } => servers(failures).map(Cow::Owned),
            Self::TransactionPooling => Some(
                "connect to PostgreSQL itself, or let the pooler keep whole sessions (PgBouncer: \
                 pool_mode = session for this database or user)"
                    .into(),
            ),
            Self::Tls(error) => Some(error.remedy()),
            Self::Alter { statement, source, .. } => alter_remedy(statement, source),
            Self::NoConnection { .. } => Some("raise MAX_DB_CONNECTIONS".into()),
            Self::NotifyQueueFull { .. } => Some(
                "end the session that listens and is idle in a transaction, or unset NOTIFY_CHANNEL"
                    .into(),
            ),
            Self::Unsupported { .. } => {
                Some("leave the columns out, or cast them in the query".into())
            }
            Self::Conflict { table, conflicts } => Some(conflict(table, conflicts).into()),
            Self::StillDiffers { .. } => Some(
                "look for what changes the table back, such as an event trigger, or make the \
                 changes by hand"
                    .into(),
            ),
            Self::Unsafe { table, hazards } => {
                let statements: Vec<_> =
                    hazards.iter().map(|hazard| hazard.statements(table)).collect();
                Some(format!("run: {}", statements.join(" ")).into())
            }
            Self::RowsDisobey { values: Some(_), .. } => Some(SAME_VALUES.into()),
            Self::RowsDisobey { values: None, .. } => Some(NO_VALUE.into()),
            Self::Privilege { statement, .. } => {
                Some(format!("run, as who may: {statement};").into())
            }
            Self::Identity { table, what, .. } => Some(of_before(table, what).into()),
            Self::ColumnsGone { table, columns, aside } => {
                Some(columns_gone(table, columns, aside).into())
            }
            Self::ForeignRows(table) => Some(foreign(table).into()),
            Self::TableGone(table) | Self::Damaged { table, .. } => Some(start_anew(table).into()),
            Self::InUse { .. } => {
                Some("stop that instance first, and every other that would take over".into())
            }
            Self::Locked { .. } => Some("end that query, or wait for its end".into()),
            Self::Blocked { .. } => Some(
                "drop what is named, and create it again once the table is replaced".into(),
            ),
            Self::Superseded(_) => Some(
                "nothing, while ampsync runs: it looks what is in place and goes on with that".into(),
            ),
            Self::NotATable(_) => Some("rename it, or set another DATABASE_SCHEMA".into()),
            Self::NewerBookkeeping { .. } => Some("use the newer release of ampsync".into()),
            Self::Settings(_)
            | Self::Stalled { .. }
            | Self::Name(_)
            | Self::Schema(_)
            | Self::Value { .. }
            | Self::OtherColumns { .. }
            | Self::LeaseLost
            | Self::AlreadyOpen(_)
            | Self::NotKept(_)
            | Self::Behind { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}

fn of_before(table: &QualifiedName, what: &str) -> String {
    let anew = start_anew(table);
    format!("ask for the {what} of before, set another DATABASE_SCHEMA, or {anew}")
}

fn foreign(table: &QualifiedName) -> String {
    let schema = table.schema.as_str();
    format!(
        "rename the table, or set another DATABASE_SCHEMA than {schema}, or empty the table: \
         TRUNCATE {table};"
    )
}

/// What helps each server that can be helped.
fn servers(failures: &[ServerFailure]) -> Option<String> {
    let remedy = |failure: &ServerFailure| {
        let remedy = failure.source.verdict().1?;
        Some(format!("{}: {remedy}", failure.server))
    };
    let remedies: Vec<_> = failures.iter().filter_map(remedy).collect();
    (!remedies.is_empty()).then(|| remedies.join("; "))
}

/// A name that is taken stays taken, what depends on a table goes on doing so, and what PostgreSQL
/// cannot do to a table it cannot do later; whatever else can pass, can pass here too.
fn alter_fault(source: &ServerError) -> Fault {
    match source.code() {
        Some("42P07" | "42710" | "42P16" | "2BP01" | "0A000") => Fault::Permanent,
        _ => source.verdict().0,
    }
}

fn alter_remedy(statement: &str, source: &ServerError) -> Option<Cow<'static, str>> {
    let empties = statement.starts_with("TRUNCATE") || statement.starts_with("DELETE");
    let drops = statement.starts_with("DROP TABLE");
    Some(match source.code() {
        Some("23505") => SAME_VALUES.into(),
        // It names the foreign key.
        Some("23503") => return source.verdict().1,
        Some("23502") => NO_VALUE.into(),
        Some("42501") if drops => {
            format!("run, as the owner of the table, and reset it again: {statement};").into()
        }
        Some("42501") => {
            format!("run, as the owner of the table, and start again: {statement};").into()
        }
        Some("42P07" | "42710") => "something else has the name: rename that".into(),
        Some("2BP01") if drops => format!(
            "drop what depends on the table{}, and create it again afterwards; or reset it without \
             --drop, which keeps the table and its views",
            named(source)
        )
        .into(),
        Some("0A000") if empties => format!(
            "drop the foreign keys of other tables that refer to this one{}, and create them again \
             afterwards",
            named(source)
        )
        .into(),
        Some("0A000") => "leave the key or the index out of the options, or make a table that can \
                          have it"
            .into(),
        Some(code) if code.starts_with("54") => {
            "the values are too large for such an index: take it out of the options, or choose \
             the method hash"
                .into()
        }
        _ => return source.verdict().1,
    })
}

/// The objects that stand in the way, where the server names them.
fn named(source: &ServerError) -> String {
    let objects = source.detail().map(|detail| detail.lines().collect::<Vec<_>>().join("; "));
    objects.map_or_else(String::new, |objects| format!(" ({})", objects.trim_end_matches('.')))
}

const SAME_VALUES: &str = "rows that are there have the same values in these columns: choose others for the key or the \
     unique index in the options, or take it out of them";

const NO_VALUE: &str = "rows that are there have no value in a column of the key: choose other columns for it in the \
     options, or take it out of them";

fn conflict(table: &QualifiedName, conflicts: &[Conflict]) -> String {
    let changes = conflicts.iter().flat_map(|conflict| &conflict.changes);
    let statements: Vec<_> = changes.map(ToString::to_string).collect();
    let cost = |Conflict { part, cost, .. }: &Conflict| match cost {
        Cost::None => None,
        Cost::Rounded => Some(format!("{part} may be rounded or cut in the rows so far")),
        Cost::Dropped => Some(format!("{part} loses the values of the rows so far")),
        Cost::Missing => Some(format!("{part} has no value in the rows so far")),
    };
    let costs: Vec<_> = conflicts.iter().filter_map(cost).collect();
    let knowing = if costs.is_empty() {
        String::new()
    } else {
        format!("knowing that {}, ", costs.join(" and "))
    };
    format!("{knowing}run: {} or {}", statements.join(" "), start_anew(table))
}

fn columns_gone(table: &QualifiedName, columns: &[String], aside: &[String]) -> String {
    let drops: Vec<_> =
        columns.iter().map(|column| format!("DROP COLUMN {}", quote_ident(column))).collect();
    format!(
        "to go on without them and keep their values so far, run: {} or, to lose the values, run: \
         ALTER TABLE {table} {}; or set another DATABASE_SCHEMA, or {}",
        aside.join(" "),
        drops.join(", "),
        start_anew(table)
    )
}

/// How a table is streamed from the first block again: as a command, and as statements for who has
/// only those. Both ready to be run.
fn start_anew(table: &QualifiedName) -> String {
    let (schema, name) = (quote_literal(table.schema.as_str()), quote_literal(table.name.as_str()));
    let whose = format!("WHERE table_schema = {schema} AND table_name = {name}");
    format!(
        "start it anew while ampsync is stopped: ampsync reset --drop {}, which is in SQL: \
         DROP TABLE IF EXISTS {table}; DELETE FROM ampsync.ranges {whose}; \
         DELETE FROM ampsync.checkpoints {whose};",
        argument(table)
    )
}

/// A table as an argument of a command line, quoted for the shell where that is needed.
fn argument(table: &QualifiedName) -> String {
    let text = format!("{}.{}", table.schema.as_str(), table.name.as_str());
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._".contains(character);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use ampsync_schema::Ident;
    use expect_test::expect;
    use sync_core::Causes;

    use super::*;

    #[test]
    fn every_error_says_what_is_wrong_and_what_helps() {
        let ident = |name: &str| Ident::new(name).unwrap();
        let table = || QualifiedName { schema: ident("public"), name: ident("it's") };
        let text = |text: &str| text.to_owned();
        let errors = [
            Error::Identity {
                table: table(),
                what: "query",
                stored: text("SELECT *"),
                wanted: text("SELECT a"),
            },
            Error::ForeignRows(table()),
            Error::TableGone(table()),
            Error::NotATable(table()),
            Error::NewerBookkeeping { found: 9, known: 1 },
            Error::Damaged { table: table(), what: "cursor" },
            Error::AlreadyOpen(table()),
            Error::Stalled { doing: "commit", limit: std::time::Duration::from_secs(60) },
            Error::NoConnection { limit: std::time::Duration::from_secs(60) },
            Error::Settings("at least two connections are needed"),
            Error::OtherColumns { table: table(), what: text("1 columns, not 2") },
            Error::TooLarge { what: "version", value: u64::MAX },
            Error::LeaseLost,
        ];
        let lines = errors.iter().map(|error| {
            let remedy = error.remedy().unwrap_or("-".into());
            format!("{:?}: {}\n    {remedy}\n", error.fault(), Causes(error))
        });
        expect![[r#"
            Permanent: table "public"."it's" was written from query "SELECT *", not from "SELECT a"
                ask for the query of before, set another DATABASE_SCHEMA, or start it anew while ampsync is stopped: ampsync reset --drop 'public.it'\''s', which is in SQL: DROP TABLE IF EXISTS "public"."it's"; DELETE FROM ampsync.ranges WHERE table_schema = E'public' AND table_name = E'it''s'; DELETE FROM ampsync.checkpoints WHERE table_schema = E'public' AND table_name = E'it''s';
            Permanent: table "public"."it's" has rows that did not come from this stream
                rename the table, or set another DATABASE_SCHEMA than public, or empty the table: TRUNCATE "public"."it's";
            Permanent: table "public"."it's" is gone, but its checkpoint is not
                start it anew while ampsync is stopped: ampsync reset --drop 'public.it'\''s', which is in SQL: DROP TABLE IF EXISTS "public"."it's"; DELETE FROM ampsync.ranges WHERE table_schema = E'public' AND table_name = E'it''s'; DELETE FROM ampsync.checkpoints WHERE table_schema = E'public' AND table_name = E'it''s';
            Permanent: "public"."it's" is not a table
                rename it, or set another DATABASE_SCHEMA
            Permanent: schema ampsync has version 9, this release knows 1
                use the newer release of ampsync
            Permanent: the bookkeeping of table "public"."it's" is damaged: cursor
                start it anew while ampsync is stopped: ampsync reset --drop 'public.it'\''s', which is in SQL: DROP TABLE IF EXISTS "public"."it's"; DELETE FROM ampsync.ranges WHERE table_schema = E'public' AND table_name = E'it''s'; DELETE FROM ampsync.checkpoints WHERE table_schema = E'public' AND table_name = E'it''s';
            Transient: table "public"."it's" is already open in this process
                -
            Transient: could not commit: no answer for 60 s
                -
            Transient: no database connection became free within 60 s
                raise MAX_DB_CONNECTIONS
            Permanent: the database settings cannot work: at least two connections are needed
                -
            Permanent: rows for table "public"."it's" have other columns than it was prepared for: 1 columns, not 2
                -
            Permanent: version 18446744073709551615 is above 9223372036854775807
                -
            Fenced: the right to write the table was lost
                -
        "#]].assert_eq(&lines.collect::<String>());
    }
}
