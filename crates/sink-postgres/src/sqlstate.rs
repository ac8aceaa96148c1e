//! What each SQLSTATE means for us: the one table that decides whether an error can pass, and
//! what a person can do about it.

use sync_core::Fault;
use sync_core::Fault::{Permanent, Transient};

/// Whether the error `code` can pass, and the remedy.
///
/// The first row whose prefix fits wins, so a code stands before its class. A code that is not
/// here is transient: to retry what cannot pass is a nuisance, to give up what can is a loss.
pub(crate) fn verdict(code: &str) -> (Fault, Option<&'static str>) {
    VERDICTS
        .iter()
        .find(|(prefix, ..)| code.starts_with(prefix))
        .map_or((Transient, None), |(_, fault, remedy)| (*fault, *remedy))
}

type Row = (&'static str, Fault, Option<&'static str>);

const VERDICTS: &[Row] = &[
    // Connections.
    ("08", Transient, None),
    ("28P01", Permanent, Some("correct the user or the password of the database")),
    ("28", Permanent, Some("allow the role to log in from here (pg_hba.conf), or use another")),
    ("3D000", Permanent, Some("create the database, or correct its name")),
    ("53300", Transient, Some("raise max_connections of the server, or lower MAX_DB_CONNECTIONS")),
    // What the server lacks for the moment.
    ("53100", Transient, Some("free disk space on the database server")),
    ("53", Transient, None),
    ("57P", Transient, None),
    ("58", Transient, None),
    ("25006", Transient, Some("connect to the primary: this server only reads")),
    // Other transactions.
    ("40", Transient, None),
    ("55P03", Transient, Some("look for a session that keeps a lock on the table")),
    ("55", Transient, None),
    // The table was changed under us: preparing it anew finds out what to do.
    ("42P01", Transient, None),
    ("42703", Transient, None),
    ("3F000", Transient, None),
    // What the role or the server does not allow.
    ("42501", Permanent, Some("grant the role the privilege that is missing")),
    ("42704", Permanent, Some("use PostgreSQL 14 or newer, without a pooler in between")),
    ("0A", Permanent, None),
    // The user's own rules about the rows.
    ("23", Permanent, Some("drop the constraint, or correct it so that the stream's rows pass")),
    ("22", Permanent, Some("widen the column so that the stream's values fit")),
    ("54", Permanent, Some("drop the index or constraint that these values are too large for")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_pass_is_retried_and_what_cannot_is_not() {
        for (code, fault) in [
            ("08006", Transient),
            ("28P01", Permanent),
            ("28000", Permanent),
            ("3D000", Permanent),
            ("42501", Permanent),
            ("0A000", Permanent),
            ("53200", Transient),
            ("57P01", Transient),
            ("40001", Transient),
            ("25006", Transient),
            ("55P03", Transient),
            ("23505", Permanent),
            ("23502", Permanent),
            ("22003", Permanent),
            ("XX000", Transient),
            ("P0001", Transient),
        ] {
            assert_eq!(verdict(code).0, fault, "{code}");
        }
    }

    #[test]
    fn no_row_is_hidden_by_one_before_it() {
        for (index, (prefix, ..)) in VERDICTS.iter().enumerate() {
            let hidden = VERDICTS[..index].iter().any(|(before, ..)| prefix.starts_with(before));
            assert!(!hidden, "{prefix}");
        }
    }
}
