//! The verb `check`: the whole path once, by the code that a start goes through, with nothing changed
//! and nothing waited for. What does not depend on a part that failed is looked at all the same.

mod clock;
mod database;
mod problem;
mod report;
mod server;
mod tables;

use std::io::Write as _;
use std::time::Duration;

use crate::plan::{self, PlannedTable};
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

async fn run(parts: &Parts, clock: Clock, report: &mut Report) {
    let database = match &parts.database {
        Some(settings) => database::reach(settings, clock, report).await,
        None => {
            report.unchecked("the database, because its settings have mistakes");
            None
        }
    };
    let Some(settings) = &parts.server else {
        report.unchecked("the server and its streams, because the server's settings have mistakes");
        return;
    };
    report.endpoint = Some(settings.endpoint.clone());
    let Some(server) = server::Server::new(settings, clock, report) else { return };
    let Some((dataset, tables)) = &parts.streams else {
        report.unchecked("the tables, because what is to be streamed has mistakes");
        return server.probe(report).await;
    };
    report.dataset = Some(dataset.dataset.to_string());
    let Some(planned) = plan(&server, (dataset, tables), report).await else {
        return server.probe(report).await;
    };
    tables::check(&server, database.as_ref(), planned, clock, report).await;
}

/// Which tables there would be.
async fn plan(
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
    match plan::tables(dataset, tables, resolved.as_ref()) {
        Ok(planned) => Some(planned),
        Err(mistakes) => {
            report.problems.extend(mistakes.0.into_iter().map(Problem::from));
            report.unchecked("the tables, because which they are has mistakes");
            None
        }
    }
}
