//! Every table on both sides: its columns as the server streams them, what becomes of them in the
//! database, and whether the stream opens from where it would go on.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use futures::future::join_all;
use sink_postgres::{Database, Rehearsal};
use sync_core::{Source as _, TablePlan};

use super::clock::Clock;
use super::problem::Problem;
use super::report::{PlannedStart, Report};
use super::server::{self, Opened, Server};
use crate::chosen::ChosenSource;
use crate::ends;
use crate::named::plain;
use crate::plan::PlannedTable;

/// Looks at all tables: at the server's side at once, at the database's one by one.
pub(super) async fn check(
    server: &Server,
    database: Option<&Database>,
    planned: Vec<PlannedTable>,
    clock: Clock,
    report: &mut Report,
) {
    let sources: Vec<_> =
        planned.iter().map(|planned| ends::source(&server.client, planned)).collect();
    let schemas = join_all(
        planned.iter().zip(&sources).map(|(planned, source)| schema(clock, &planned.table, source)),
    );
    let mut plans = Vec::new();
    for (planned, answer) in planned.iter().zip(schemas.await) {
        let answer = answer.and_then(|schema| plan(planned, schema));
        if clock.is_over() && answer.is_err() {
            report.unchecked(&format!(
                "the stream of table {}, because the time was over",
                planned.table
            ));
        }
        plans.push(answer.map_err(|problem| report.problem(problem)).ok());
    }
    let rehearsals = match database {
        Some(database) => rehearse(database, &planned, &plans, clock, report).await,
        None => planned.iter().map(|_| None).collect(),
    };
    let opened = join_all(sources.iter().zip(&planned).zip(plans.iter().zip(&rehearsals)).map(
        |((source, planned), (plan, rehearsal))| async move {
            // Without a schema, opening would run into the same again.
            plan.as_ref()?;
            let cursor = rehearsal.as_ref().and_then(|it| it.checkpoint.cursor.as_ref());
            Some(server::open(clock, source, &planned.table, cursor).await)
        },
    ));
    for (planned, opened) in planned.iter().zip(opened.await) {
        match opened {
            None | Some(Ok(Opened::Streams)) => {}
            Some(Ok(Opened::Ended)) => report.note(format!(
                "table {}: the server has no data of it yet, which a start waits for",
                planned.table
            )),
            Some(Err(problem)) => {
                if clock.is_over() {
                    report.unchecked(&format!(
                        "whether the stream of table {} opens, because the time was over",
                        planned.table
                    ));
                }
                report.problem(problem);
            }
        }
    }
    report.tables =
        planned.into_iter().zip(rehearsals).filter_map(|(p, r)| Some(start(p, r?))).collect();
}

async fn schema(clock: Clock, table: &str, source: &ChosenSource) -> Result<SchemaRef, Problem> {
    let answer = clock.ask("NOZZLE_ENDPOINT", source.schema()).await?;
    answer.map_err(|error| Problem::of_stream(table, &error))
}

/// What the sink is given, as the engine does.
fn plan(planned: &PlannedTable, schema: SchemaRef) -> Result<TablePlan, Problem> {
    let subject = format!("table {}", planned.table);
    unchecked_plan(planned, schema).checked().map_err(|error| Problem::of(&subject, &error, false))
}

fn unchecked_plan(planned: &PlannedTable, schema: SchemaRef) -> TablePlan {
    TablePlan {
        table: planned.table.clone(),
        dataset: planned.identity.dataset.clone(),
        query: planned.identity.query.clone(),
        block_column: planned.block_column.clone(),
        schema,
    }
}

/// Rehearses what a start does in the database, until it does not answer.
async fn rehearse(
    database: &Database,
    planned: &[PlannedTable],
    plans: &[Option<TablePlan>],
    clock: Clock,
    report: &mut Report,
) -> Vec<Option<Rehearsal>> {
    let mut rehearsals = Vec::new();
    let mut is_away = false;
    for (planned, plan) in planned.iter().zip(plans) {
        let subject = format!("table {}", plain(&planned.target));
        if is_away {
            report.unchecked(&format!("{subject} in the database, because it does not answer"));
            rehearsals.push(None);
            continue;
        }
        if clock.is_over() {
            report.unchecked(&format!("{subject} in the database, because the time was over"));
            report.problem(clock.over());
            rehearsals.push(None);
            continue;
        }
        let (plan, has_columns) = match plan {
            Some(plan) => (plan.clone(), true),
            None => (unchecked_plan(planned, Arc::new(Schema::empty())), false),
        };
        if !has_columns {
            report.unchecked(&format!(
                "whether {subject} can hold the stream, whose columns are not known"
            ));
        }
        let sink = ends::sink(database, planned);
        let answer = clock.ask(&subject, Box::pin(sink.rehearse(&plan, has_columns))).await;
        let problem = match answer {
            Ok(Ok(rehearsal)) => {
                rehearsal.unchecked.iter().for_each(|what| report.unchecked(what));
                if let Err(error) = rehearsal.checkpoint.consistent() {
                    // A start goes no further, and there is no telling where the stream is.
                    report.problem(Problem::of(&subject, &error, false));
                    rehearsals.push(None);
                } else {
                    rehearsals.push(Some(rehearsal));
                }
                continue;
            }
            Ok(Err(error)) => Problem::of_database(&subject, &error),
            Err(problem) => problem,
        };
        is_away = problem.outage;
        report.problem(problem);
        rehearsals.push(None);
    }
    rehearsals
}

fn start(planned: PlannedTable, rehearsal: Rehearsal) -> PlannedStart {
    let bookkeeping = "the schema ampsync with the bookkeeping".to_owned();
    let changes = rehearsal.bookkeeping.then_some(bookkeeping).into_iter().chain(rehearsal.changes);
    PlannedStart {
        table: planned.table,
        sql: planned.sql,
        target: rehearsal.table,
        cursor: rehearsal.checkpoint.cursor,
        provisional: rehearsal.checkpoint.provisional.map(|block| block.get()),
        changes: changes.collect(),
        writer: rehearsal.writer,
    }
}
