use std::fmt;

use ampsync_schema::{QualifiedName, quote_ident};

/// Why rows would not be safe in a table that somebody else has made. Names in it are quoted where
/// SQL needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hazard {
    /// After a crash the server empties it, and its checkpoint says that the rows are there.
    Unlogged {
        /// The table, or those of its partitions.
        tables: Vec<String>,
    },
    /// Its row level security applies to our role: PostgreSQL then refuses `COPY`, and rows that
    /// are hidden would be left behind by a reorg.
    RowSecurity {
        /// Our role.
        role: String,
        /// Whether it applies only because it is forced upon the table's owner.
        forced: bool,
    },
    /// Other tables inherit from it, and a reorg would delete their rows too.
    Children {
        /// These tables.
        tables: Vec<String>,
    },
    /// Rules do something else in place of deleting its rows, as a reorg must.
    DeleteRules {
        /// These rules.
        rules: Vec<String>,
    },
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlogged { tables } => {
                write!(
                    f,
                    "{} is unlogged: a crash of the server empties it, unnoticed",
                    tables.join(", ")
                )
            }
            Self::RowSecurity { role, .. } => {
                write!(f, "its row level security hides rows from role {role:?}")
            }
            Self::Children { tables } => {
                write!(
                    f,
                    "a reorg would delete rows of what inherits from it: {}",
                    tables.join(", ")
                )
            }
            Self::DeleteRules { rules } => {
                write!(f, "a rule keeps rows from being deleted: {}", rules.join(", "))
            }
        }
    }
}

impl Hazard {
    /// The statements that end it, each with its semicolon.
    pub(crate) fn statements(&self, table: &QualifiedName) -> String {
        let each = |names: &[String], statement: &dyn Fn(&str) -> String| {
            names.iter().map(|name| statement(name)).collect::<Vec<_>>().join(" ")
        };
        match self {
            Self::Unlogged { tables } => {
                each(tables, &|unlogged| format!("ALTER TABLE {unlogged} SET LOGGED;"))
            }
            Self::RowSecurity { forced: true, .. } => {
                format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;")
            }
            Self::RowSecurity { role, .. } => {
                format!("ALTER ROLE {} BYPASSRLS;", quote_ident(role))
            }
            Self::Children { tables } => {
                each(tables, &|child| format!("ALTER TABLE {child} NO INHERIT {table};"))
            }
            Self::DeleteRules { rules } => {
                each(rules, &|rule| format!("DROP RULE {rule} ON {table};"))
            }
        }
    }
}
