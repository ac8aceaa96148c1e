//! What each SQLSTATE means for us: the one table that decides whether an error can pass, and
//! what a person can do about it.

use sync_core::Fault;
use sync_core::Fault::{Permanent, Transient};

/// Whether the error `code` can pass, and the remedy.
///
/// The first row whose prefix fits wins, so a code stands before its class. Every class of
/// PostgreSQL's has a row; a code of none is transient: to retry what cannot pass is a nuisance,
/// to give up what can is a loss.
pub(crate) fn verdict(code: &str) -> (Fault, Option<&'static str>) {
    VERDICTS
        .iter()
        .find(|(prefix, ..)| code.starts_with(prefix))
        .map_or((Transient, None), |(_, fault, remedy)| (*fault, *remedy))
}

type Row = (&'static str, Fault, Option<&'static str>);

const TRIGGER: Option<&str> = Some("look at the table's triggers and rules: one of them fails");
const POOLER: Option<&str> =
    Some("connect to PostgreSQL itself, or let the pooler keep whole sessions");
const SERVER_LOG: Option<&str> = Some("look into the log of the database server");
const CONSTRAINT: Option<&str> =
    Some("drop the constraint, or correct it so that the stream's rows pass");

const VERDICTS: &[Row] = &[
    // Not errors by themselves: a server that sends them as such may think better of it.
    ("00", Transient, None),
    ("01", Transient, None),
    ("02", Transient, None),
    ("03", Transient, None),
    // Connections.
    ("08", Transient, Some("check the network, and what stands between here and the database")),
    ("28P01", Permanent, Some("correct the user or the password of the database")),
    ("28", Permanent, Some("allow the role to log in from here (pg_hba.conf), or use another")),
    ("3D", Permanent, Some("create the database, or correct its name")),
    ("53300", Transient, Some("raise max_connections of the server, or lower MAX_DB_CONNECTIONS")),
    // What the server lacks for the moment.
    ("53100", Transient, Some("free disk space on the database server")),
    ("53200", Transient, Some("give the database server more memory")),
    ("53400", Transient, Some("raise the limit that the database server names")),
    ("53", Transient, SERVER_LOG),
    ("57014", Transient, Some("look for who cancels statements, or for a statement_timeout")),
    ("57P04", Transient, Some("restore the database")),
    ("57P", Transient, None),
    ("57", Transient, None),
    ("58", Transient, Some("look after the disks of the database server")),
    ("25006", Transient, Some("connect to the primary: this server only reads")),
    ("25", Transient, None),
    ("F0", Transient, SERVER_LOG),
    ("XX001", Transient, Some("restore the database from a backup: its data is damaged")),
    ("XX002", Transient, Some("REINDEX the table: its index is damaged")),
    ("XX", Transient, SERVER_LOG),
    // Other transactions.
    ("40", Transient, None),
    (
        "55000",
        Transient,
        Some("if the table is published: ALTER TABLE ... REPLICA IDENTITY FULL, or give it a key"),
    ),
    ("55P03", Transient, Some("look for a session that keeps a lock on the table")),
    ("55", Transient, None),
    ("72", Transient, None),
    // Our statements, on a server or through a pooler that does not know them.
    ("26", Transient, POOLER),
    ("42P05", Transient, POOLER),
    ("34", Transient, POOLER),
    ("24", Transient, None),
    ("3B", Transient, None),
    ("0B", Transient, None),
    // Also what a plan says whose table was changed under it.
    ("0A", Transient, Some("look for row-level security or a rule on the table if this persists")),
    // The table was changed under us: preparing it anew finds out what to do.
    ("42P01", Transient, None),
    ("42703", Transient, None),
    ("42P07", Transient, None),
    ("42701", Transient, None),
    ("3F", Transient, None),
    // What the role or the server does not allow.
    ("42501", Permanent, Some("grant the role the privilege that is missing")),
    ("42704", Permanent, Some("use PostgreSQL 14 or newer, without a pooler in between")),
    ("42", Transient, Some("use PostgreSQL 14 or newer, and look for what was changed by hand")),
    ("0L", Transient, Some("look at the grants of the role")),
    ("0P", Transient, Some("look at the grants of the role")),
    ("2B", Transient, Some("look at the grants of the role")),
    // The user's own code.
    ("09", Transient, TRIGGER),
    ("0F", Transient, TRIGGER),
    ("0Z", Transient, TRIGGER),
    ("10", Transient, TRIGGER),
    ("20", Transient, TRIGGER),
    ("21", Transient, TRIGGER),
    ("27", Transient, TRIGGER),
    ("2D", Transient, TRIGGER),
    ("2F", Transient, TRIGGER),
    ("38", Transient, TRIGGER),
    ("39", Transient, TRIGGER),
    ("P0", Transient, TRIGGER),
    ("HV", Transient, Some("look after the foreign server that the table or a trigger uses")),
    // The user's own rules about the rows.
    ("23", Permanent, CONSTRAINT),
    ("44", Permanent, CONSTRAINT),
    ("22", Permanent, Some("widen the column so that the stream's values fit")),
    ("54001", Transient, TRIGGER),
    ("54", Permanent, Some("drop the index or constraint that these values are too large for")),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes of appendix A of PostgreSQL's manual, versions 14 to 18.
    const CLASSES: &[(&str, Fault)] = &[
        ("00", Transient),
        ("01", Transient),
        ("02", Transient),
        ("03", Transient),
        ("08", Transient),
        ("09", Transient),
        ("0A", Transient),
        ("0B", Transient),
        ("0F", Transient),
        ("0L", Transient),
        ("0P", Transient),
        ("0Z", Transient),
        ("10", Transient),
        ("20", Transient),
        ("21", Transient),
        ("22", Permanent),
        ("23", Permanent),
        ("24", Transient),
        ("25", Transient),
        ("26", Transient),
        ("27", Transient),
        ("28", Permanent),
        ("2B", Transient),
        ("2D", Transient),
        ("2F", Transient),
        ("34", Transient),
        ("38", Transient),
        ("39", Transient),
        ("3B", Transient),
        ("3D", Permanent),
        ("3F", Transient),
        ("40", Transient),
        ("42", Transient),
        ("44", Permanent),
        ("53", Transient),
        ("54", Permanent),
        ("55", Transient),
        ("57", Transient),
        ("58", Transient),
        ("72", Transient),
        ("F0", Transient),
        ("HV", Transient),
        ("P0", Transient),
        ("XX", Transient),
    ];

    #[test]
    fn every_class_has_a_verdict_of_its_own() {
        for (class, fault) in CLASSES {
            assert!(VERDICTS.iter().any(|(prefix, ..)| prefix == class), "{class} has no row");
            assert_eq!(verdict(&format!("{class}000")).0, *fault, "{class}");
        }
        for (prefix, ..) in VERDICTS {
            let known = CLASSES.iter().any(|(class, _)| prefix.starts_with(class));
            assert!(known, "{prefix} is of no class");
        }
    }

    #[test]
    fn what_can_pass_is_retried_and_what_cannot_is_not() {
        for (code, fault) in [
            ("08006", Transient),
            ("28P01", Permanent),
            ("28000", Permanent),
            ("3D000", Permanent),
            ("42501", Permanent),
            ("42704", Permanent),
            ("42P01", Transient),
            ("42601", Transient),
            ("26000", Transient),
            ("53200", Transient),
            ("53300", Transient),
            ("57014", Transient),
            ("57P01", Transient),
            ("57P03", Transient),
            ("40001", Transient),
            ("40P01", Transient),
            ("25006", Transient),
            ("25P03", Transient),
            ("55P03", Transient),
            ("23505", Permanent),
            ("23502", Permanent),
            ("22003", Permanent),
            ("54000", Permanent),
            ("54001", Transient),
            ("XX000", Transient),
            ("P0001", Transient),
            ("ZZ999", Transient),
        ] {
            assert_eq!(verdict(code).0, fault, "{code}");
        }
    }

    #[test]
    fn what_stops_a_table_says_what_to_do() {
        for (prefix, fault, remedy) in VERDICTS {
            assert!(*fault == Transient || remedy.is_some(), "{prefix}");
        }
    }

    /// A plan whose table was changed says so with the class of what is not supported; a new
    /// connection plans anew.
    #[test]
    fn a_plan_that_became_stale_does_not_stop_a_table() {
        assert_eq!(verdict("0A000").0, Transient);
    }

    #[test]
    fn no_row_is_hidden_by_one_before_it() {
        for (index, (prefix, ..)) in VERDICTS.iter().enumerate() {
            let hidden = VERDICTS[..index].iter().any(|(before, ..)| prefix.starts_with(before));
            assert!(!hidden, "{prefix}");
        }
    }
}
