//! Goes on with tables that were begun before the Admin API was asked.

use std::sync::Arc;

use ampsync_schema::QualifiedName;
use sink_postgres::{Error, NextRehearsal, PostgresSink, Rehearsal};
use sync_core::{Checkpoint, Readiness, Sink, TablePlan};

use crate::plan::Identity;
use crate::revision::Fitness;

/// A sink that takes the dataset's name as it was given for the one it was resolved to.
///
/// A table that was begun without the Admin API remembers the name, `my/eth@1.0.0`; asked now, the
/// API says which manifest that is. Nothing tells that it was the same one then, just as nothing
/// does without the API, so that the table is continued, under its old name.
#[derive(Debug)]
pub(crate) struct ContinuingSink {
    sink: PostgresSink,
    unpinned: Option<Identity>,
    /// Whether the table is one of those.
    continues: bool,
    /// Who is told whether the stored table can hold what is planned.
    fitness: Option<Arc<Fitness>>,
    /// Whether it could before.
    was_ready: bool,
}

impl ContinuingSink {
    pub(crate) fn new(sink: PostgresSink, unpinned: Option<Identity>) -> Self {
        Self { sink, unpinned, continues: false, fitness: None, was_ready: false }
    }

    /// The sink, which tells whether the stored table can hold what is planned.
    pub(crate) fn telling(self, fitness: Arc<Fitness>) -> Self {
        Self { fitness: Some(fitness), ..self }
    }

    /// What preparing the table would come to: see [`PostgresSink::rehearse`].
    pub(crate) async fn rehearse(
        &self,
        plan: &TablePlan,
        columns: bool,
    ) -> Result<Rehearsal, Error> {
        match (self.sink.rehearse(plan, columns).await, self.unpinned(plan)) {
            (Err(error), Some(unpinned)) if is_of(&error, &unpinned) => {
                self.sink.rehearse(&unpinned, columns).await
            }
            (answer, _) => answer,
        }
    }

    /// What filling the next revision of `table` would come to: see
    /// [`PostgresSink::rehearse_next`].
    pub(crate) async fn rehearse_next(
        &self,
        plan: &TablePlan,
        table: &QualifiedName,
    ) -> Result<NextRehearsal, Error> {
        self.sink.rehearse_next(plan, table).await
    }

    async fn prepare_either(&mut self, plan: &TablePlan) -> Result<Readiness, Error> {
        let Some(unpinned) = self.unpinned(plan) else {
            return self.sink.prepare(plan).await;
        };
        if self.continues {
            return self.sink.prepare(&unpinned).await;
        }
        match self.sink.prepare(plan).await {
            Err(error) if is_of(&error, &unpinned) => {
                tracing::info!(
                    table = plan.table,
                    dataset = unpinned.dataset,
                    now = plan.dataset,
                    "the table was begun before its dataset was resolved: going on with it"
                );
                self.continues = true;
                self.sink.prepare(&unpinned).await
            }
            answer => answer,
        }
    }

    /// The plan with the dataset's name as it was given, where that is another one.
    fn unpinned(&self, plan: &TablePlan) -> Option<TablePlan> {
        let Identity { dataset, query } = self.unpinned.clone()?;
        Some(TablePlan { dataset, query, ..plan.clone() })
    }
}

/// Whether the table was refused because it is of that plan.
fn is_of(error: &Error, plan: &TablePlan) -> bool {
    matches!(error, Error::Identity { stored, .. } if *stored == plan.dataset)
}

impl Sink for ContinuingSink {
    type Error = Error;
    type Txn<'a> = <PostgresSink as Sink>::Txn<'a>;

    async fn prepare(&mut self, plan: &TablePlan) -> Result<Readiness, Error> {
        let answer = self.prepare_either(plan).await;
        if let Some(fitness) = &self.fitness {
            fitness.prepared(&answer, !self.was_ready).await;
            self.was_ready |= matches!(answer, Ok(Readiness::Ready(_)));
        }
        answer
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint, Error> {
        self.sink.checkpoint().await
    }

    async fn begin(&mut self) -> Result<Self::Txn<'_>, Error> {
        self.sink.begin().await
    }
}
