//! The database's side: whether it can be reached, written to, and by how many connections.

use std::time::{Duration, SystemTime};

use sink_postgres::{Database, ServerInfo};
use sync_core::OneLine;

use super::clock::Clock;
use super::problem::Problem;
use super::report::Report;
use crate::settings::DatabaseSettings;
use crate::{adapters, database};

/// The oldest release that all statements are known to work with.
const VERSION_MIN: i32 = 140_000;
/// A difference of clocks that makes lag a matter of opinion.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// The database, if rows could be written to it.
pub(super) async fn reach(
    settings: &DatabaseSettings,
    clock: Clock,
    report: &mut Report,
) -> Option<Database> {
    let (label, subject) = (settings.label(), settings.variable);
    report.database = Some(label.clone());
    // Bounded by itself, for each of several servers.
    let attempt = Box::pin(database::attempt(&settings.config));
    let attempt = match clock.ask_within(Duration::MAX, subject, attempt).await {
        Ok(attempt) => attempt,
        Err(problem) => {
            report.problem(problem);
            report.unchecked("the database, because it did not answer in that time");
            return None;
        }
    };
    if let Err(error) = attempt {
        let mut problem = Problem::of_database(subject, &error);
        problem.problem = format!("{label}: {}", problem.problem);
        problem
            .remedy
            .get_or_insert("check that it runs, and that its address is right".to_owned());
        report.problem(problem);
        report.unchecked("the tables in the database, because it cannot be used");
        return None;
    }
    let database = match adapters::database(settings) {
        Ok(database) => database,
        Err(mistake) => {
            report.problem(mistake.into());
            return None;
        }
    };
    let info = match clock.ask(subject, Box::pin(database.server_info())).await {
        Ok(Ok(info)) => info,
        Ok(Err(error)) => {
            report.problem(Problem::of_database(subject, &error));
            report.unchecked("the tables in the database, because it did not say what it is");
            return None;
        }
        Err(problem) => {
            report.problem(problem);
            report.unchecked("the tables in the database, because it did not answer");
            return None;
        }
    };
    let ServerInfo { version, role, .. } = &info;
    report.database = Some(format!("{label}, PostgreSQL {}, as role {role}", OneLine(version)));
    suits(&info, settings, report).then_some(database)
}

/// Whether the server is one that can be written to.
fn suits(info: &ServerInfo, settings: &DatabaseSettings, report: &mut Report) -> bool {
    let subject = settings.variable;
    let mut suits = true;
    if info.version_number < VERSION_MIN {
        let problem = format!("the server is PostgreSQL {}", OneLine(&info.version));
        report.problem(Problem::new(subject, problem, "use PostgreSQL 14 or newer"));
        suits = false;
    }
    if info.read_only {
        let problem =
            "this server only reads: it is a standby, or default_transaction_read_only is on";
        let remedy = "connect to the primary, or switch default_transaction_read_only off";
        report.problem(Problem::new(subject, problem, remedy));
        suits = false;
    }
    if !suits {
        report.unchecked("the tables in the database, because it cannot be written to");
    }
    let wanted = i64::try_from(settings.connections_max.get()).unwrap_or(i64::MAX);
    // The pool of this check has one of them.
    let free = info.connections_free.saturating_add(1);
    if free < wanted {
        report.note(format!(
            "MAX_DB_CONNECTIONS is {wanted}, and {free} more can be opened now ({} of {} are in use): \
             lower it, or raise max_connections, or the limit of the role or the database",
            info.connections, info.connections_max
        ));
    }
    let here = SystemTime::now();
    let skew = here.duration_since(info.now).unwrap_or_else(|error| error.duration());
    if skew > SKEW_MAX {
        report.note(format!(
            "the clocks of this machine and of the database server are {} s apart, by which every lag \
             is wrong: let both follow a time server",
            skew.as_secs()
        ));
    }
    suits
}
