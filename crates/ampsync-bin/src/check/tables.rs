//! Every table on both sides: its columns as the server streams them, what becomes of them in the
//! database, and whether the stream opens from where it would go on.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use futures::future::join_all;
use sink_postgres::{Database, Error, NextRehearsal, Rehearsal, Revisions, next_name};
use sync_core::{Causes, OneLine, Source as _, TablePlan};

use super::clock::Clock;
use super::problem::Problem;
use super::report::{Migration, PlannedStart, Report};
use super::server::{self, Opened, Server};
use crate::chosen::ChosenSource;
use crate::ends;
use crate::named::plain;
use crate::plan::PlannedTable;
use crate::revision::{self, Course, Fit, OnRevisionChange, course};

/// Looks at all tables: at the server's side at once, at the database's one by one.
pub(super) async fn check(
    (server, database, on_change): (&Server, Option<&Database>, OnRevisionChange),
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
        Some(database) => rehearse((database, on_change), &planned, &plans, clock, report).await,
        None => planned.iter().map(|_| None).collect(),
    };
    let opened = join_all(sources.iter().zip(&planned).zip(plans.iter().zip(&rehearsals)).map(
        |((source, planned), (plan, rehearsal))| async move {
            // Without a schema, opening would run into the same again.
            plan.as_ref()?;
            let cursor = rehearsal.as_ref().and_then(|(it, _)| it.checkpoint.cursor.as_ref());
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
        planned.into_iter().zip(rehearsals).filter_map(|(p, r)| r.map(|r| start(p, r))).collect();
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
    (database, on_change): (&Database, OnRevisionChange),
    planned: &[PlannedTable],
    plans: &[Option<TablePlan>],
    clock: Clock,
    report: &mut Report,
) -> Vec<Option<Rehearsed>> {
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
        let stage = Stage { database, on_change, planned, clock };
        let answer = Box::pin(stage.rehearse(&subject, &plan, has_columns, report)).await;
        let problem = match answer {
            Ok(Ok((rehearsal, migration))) => {
                rehearsal.unchecked.iter().for_each(|what| report.unchecked(what));
                if let Err(error) = rehearsal.checkpoint.consistent() {
                    // A start goes no further, and there is no telling where the stream is.
                    report.problem(Problem::of(&subject, &error, false));
                    rehearsals.push(None);
                } else {
                    rehearsals.push(Some((rehearsal, migration)));
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

/// What was rehearsed, and whose place the table is to take.
type Rehearsed = (Rehearsal, Option<Migration>);

/// One table of the rehearsal.
struct Stage<'a> {
    database: &'a Database,
    on_change: OnRevisionChange,
    planned: &'a PlannedTable,
    clock: Clock,
}

impl Stage<'_> {
    /// Decides as a start does, and rehearses what it would come to.
    async fn rehearse(
        &self,
        subject: &str,
        plan: &TablePlan,
        has_columns: bool,
        report: &mut Report,
    ) -> Result<Result<Rehearsed, Error>, Problem> {
        let planned = self.planned;
        let stored = self.stored(subject, Fit::Unknown).await?;
        let as_planned = match course(self.on_change, &stored, planned, Fit::Unknown) {
            Course::Plain(_) | Course::Refused(None) => None,
            Course::Beside(_) if !has_columns => None,
            course @ (Course::Beside(_) | Course::RolledBack { .. } | Course::Refused(_)) => {
                Some(course)
            }
        };
        let error = match as_planned {
            Some(course) => return self.otherwise(subject, plan, course, report).await,
            None => match self.plainly(subject, plan, has_columns).await? {
                Err(error) if error.is_unfit() => error,
                answer => return Ok(answer),
            },
        };
        let stored = self.stored(subject, Fit::Unfit).await?;
        match course(self.on_change, &stored, planned, Fit::Unfit) {
            Course::Plain(_) => Ok(Err(error)),
            Course::Refused(why) => {
                if let Some((problem, remedy)) = why {
                    report.note(format!(
                        "{subject} cannot be replaced by another: {problem}: {remedy}"
                    ));
                }
                Ok(Err(error))
            }
            course @ (Course::Beside(_) | Course::RolledBack { .. }) => {
                let why = OneLine(Causes(&error));
                report.note(format!("{subject} cannot hold what is planned: {why}"));
                self.otherwise(subject, plan, course, report).await
            }
        }
    }

    /// What is stored. Where it cannot be told, the rehearsal itself says why.
    async fn stored(&self, subject: &str, fit: Fit) -> Result<Revisions, Problem> {
        let look = Box::pin(revision::look(self.database, self.on_change, self.planned, fit));
        Ok(self.clock.ask(subject, look).await?.unwrap_or_default())
    }

    /// Rehearses the table as it is planned.
    async fn plainly(
        &self,
        subject: &str,
        plan: &TablePlan,
        has_columns: bool,
    ) -> Result<Result<Rehearsed, Error>, Problem> {
        let sink = ends::sink(self.database, self.planned);
        let rehearsal = Box::pin(sink.rehearse(plan, has_columns));
        self.clock.ask(subject, rehearsal).await.map(plainly)
    }

    /// Rehearses what happens where it does not run as it is planned.
    async fn otherwise(
        &self,
        subject: &str,
        plan: &TablePlan,
        course: Course,
        report: &mut Report,
    ) -> Result<Result<Rehearsed, Error>, Problem> {
        let Self { database, planned, .. } = self;
        match course {
            Course::Beside(_) => {
                let target = match next_name(&planned.target) {
                    Ok(target) => target,
                    Err(error) => return Ok(Err(error)),
                };
                let sink = ends::sink(database, &revision::next(planned, target));
                let next = Box::pin(sink.rehearse_next(plan, &planned.target));
                let next = self.clock.ask(subject, next).await?;
                Ok(next.map(|next| (next.next.clone(), Some(migration(planned, next)))))
            }
            Course::RolledBack { current, .. } => {
                report.note(format!(
                    "{subject}: what is planned was rolled back, and the rows of before go on"
                ));
                let old = revision::stored(planned, &current);
                let plan = unchecked_plan(&old, Arc::clone(&plan.schema));
                let sink = ends::sink(database, &old);
                let rehearsal = Box::pin(sink.rehearse(&plan, false));
                self.clock.ask(subject, rehearsal).await.map(plainly)
            }
            Course::Refused(Some((problem, remedy))) => {
                report.note(format!("{subject} cannot change its revision: {problem}: {remedy}"));
                self.plainly(subject, plan, !plan.schema.fields().is_empty()).await
            }
            Course::Plain(_) | Course::Refused(None) => {
                self.plainly(subject, plan, !plan.schema.fields().is_empty()).await
            }
        }
    }
}

fn plainly(answer: Result<Rehearsal, Error>) -> Result<Rehearsed, Error> {
    answer.map(|rehearsal| (rehearsal, None))
}

fn migration(planned: &PlannedTable, next: NextRehearsal) -> Migration {
    let NextRehearsal { completing, exchange, obstacles, .. } = next;
    Migration { of: planned.target.clone(), completing, exchange, obstacles }
}

fn start(planned: PlannedTable, (rehearsal, migration): Rehearsed) -> PlannedStart {
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
        exists: rehearsal.exists,
        migration,
    }
}
