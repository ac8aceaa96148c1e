//! The verb `check`: the whole path once, by the code that a start goes through, with nothing changed
//! and nothing waited for. What does not depend on a part that failed is looked at all the same.

mod clock;
mod database;
mod plan;
mod problem;
mod report;
mod server;
mod tables;

use std::io::Write as _;
use std::time::Duration;

use sink_postgres::Database;

use crate::plan::{self as streams, PlannedTable};
use crate::revision::OnRevisionChange;
use crate::run::Exit;
use crate::settings::{DatasetSettings, Parts, TablesSettings};
use clock::Clock;
use problem::Problem;
use report::Report;

/// Prints everything that is in the way of a start, or what it would do. Takes no longer than
/// `whole`, and tells what was not asked by then.
pub(crate) async fn check(parts: Parts, whole: Duration) -> Exit {
    let clock = Clock::start(whole);
    let mut report = Report::default();
    report.problems.extend(parts.mistakes.0.iter().cloned().map(Problem::from));
    Box::pin(run(&parts, clock, &mut report)).await;
    let text = report.to_string();
    // A closed pipe is no reason to fail.
    std::io::stdout().lock().write_all(text.as_bytes()).ok();
    report.exit()
}

/// How the plan is to be found out and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlanRequest {
    /// How long it may take.
    pub(crate) within: Duration,
    /// For machines.
    pub(crate) json: bool,
}

/// Prints what a start would change, or what is in its way.
pub(crate) async fn plan(parts: Parts, request: PlanRequest) -> Exit {
    let clock = Clock::start(request.within);
    let mut report = Report::default();
    report.problems.extend(parts.mistakes.0.iter().cloned().map(Problem::from));
    let database = Box::pin(run(&parts, clock, &mut report)).await;
    if report.exit() != Exit::Clean {
        eprint!("{report}");
        return report.exit();
    }
    let status = match &database {
        // Sizes are nice to have.
        Some(database) => clock.ask("the database", Box::pin(database.status())).await.ok(),
        None => None,
    };
    let stored = status.and_then(Result::ok).flatten().map(|status| status.tables);
    let plan = plan::Plan::of(&report, stored.as_deref().unwrap_or_default());
    let text = if request.json { plan.json() } else { plan.text() };
    // A closed pipe is no reason to fail.
    std::io::stdout().lock().write_all(text.as_bytes()).ok();
    if plan.has_changes() { Exit::Changes } else { Exit::Clean }
}

async fn run(parts: &Parts, clock: Clock, report: &mut Report) -> Option<Database> {
    let database = match &parts.database {
        Some(settings) => database::reach(settings, clock, report).await,
        None => {
            report.unchecked("the database, because its settings have mistakes");
            None
        }
    };
    let Some(settings) = &parts.server else {
        report.unchecked("the server and its streams, because the server's settings have mistakes");
        return database;
    };
    report.endpoint = Some(settings.endpoint.clone());
    let Some(server) = server::Server::new(settings, clock, report) else { return database };
    let Some((dataset, tables)) = &parts.streams else {
        report.unchecked("the tables, because what is to be streamed has mistakes");
        server.probe(report).await;
        return database;
    };
    report.dataset = Some(dataset.dataset.to_string());
    let Some(planned) = planned(&server, (dataset, tables), report).await else {
        server.probe(report).await;
        return database;
    };
    let on_change = parts.reload.map_or(OnRevisionChange::Refuse, |reload| reload.on_change);
    let ends = (&server, database.as_ref(), on_change);
    tables::check(ends, planned, clock, report).await;
    database
}

/// Which tables there would be.
async fn planned(
    server: &server::Server,
    (dataset, tables): (&DatasetSettings, &TablesSettings),
    report: &mut Report,
) -> Option<Vec<PlannedTable>> {
    let resolved = match dataset.is_asked_for() {
        false => None,
        true => match server.resolve(&dataset.dataset).await {
            Ok(resolved) => resolved,
            Err(problem) => {
                report.problem(problem);
                report.unchecked("the tables, because the dataset could not be resolved");
                return None;
            }
        },
    };
    match streams::tables(dataset, tables, resolved.as_ref()) {
        Ok(planned) => Some(planned),
        Err(mistakes) => {
            report.problems.extend(mistakes.0.into_iter().map(Problem::from));
            report.unchecked("the tables, because which they are has mistakes");
            None
        }
    }
}
