//! Stored tables that cannot hold what is planned, although they have the rows of it: what their sinks
//! tell, and what is done.

use sink_postgres::{Reuse, Revisions};
use tracing::{info, warn};

use super::apply::Tables;
use super::difference::{Decision, decide};
use crate::plan::PlannedTable;
use crate::revision::{self, Course, Fit, course, is_planned};

impl Tables {
    /// What the sink that runs under this label has found.
    pub(super) fn fit(&self, label: &str) -> Fit {
        self.fitness.get(label).map_or(Fit::Unknown, |fitness| fitness.fit())
    }

    /// What is known of the stored table, if just this is what runs.
    pub(super) fn fit_of(&self, planned: &PlannedTable) -> Fit {
        let runs = self.runs.get(&planned.table);
        match runs.is_some_and(|runs| decide(runs, planned) == Decision::Keep) {
            true => self.fit(&planned.table),
            false => Fit::Unknown,
        }
    }

    /// Whether a sink waits for what is decided.
    pub(super) fn asks(&self, label: &str) -> bool {
        self.fitness.get(label).is_some_and(|fitness| fitness.asks())
    }

    /// The tables in doubt that hold what is planned after all.
    pub(super) fn resolved(&self) -> impl Iterator<Item = &String> {
        self.in_doubt.iter().filter(|table| self.fit(table) == Fit::Fits)
    }

    /// Gives up next ones that are not needed.
    pub(super) async fn resolve_doubts(&mut self) {
        for table in self.resolved().cloned().collect::<Vec<_>>() {
            self.in_doubt.remove(&table);
            if let Some(planned) = self.running.get(&table) {
                self.give_up(planned).await;
            }
        }
    }

    /// What runs under this label has found its table unfit. Returns whether anything was changed;
    /// `None` where the reason is that another revision is in place.
    pub(super) async fn look_at_unfit(
        &mut self,
        label: &str,
        planned: &PlannedTable,
        stored: &Revisions,
    ) -> Option<bool> {
        let (_, is_next) = revision::of_label(label);
        let runs = self.runs.get(label)?;
        let found = if is_next { &stored.next } else { &stored.current };
        let is_same = found.as_ref().is_some_and(|found| is_planned(found, runs));
        let why = self.fitness.get(label).map(|fitness| fitness.why()).unwrap_or_default();
        if !is_same {
            self.let_it_be_told(label);
            return None;
        }
        if is_next {
            info!(
                table = label,
                why, "it cannot be gone on with: it is filled from the first block"
            );
            self.begin_anew(planned).await;
            return Some(true);
        }
        if runs.options.as_stored {
            return Some(false);
        }
        match course(self.on_change, stored, planned, Fit::Unfit) {
            Course::Beside(_) | Course::RolledBack { .. } => {
                info!(table = label, why, "the stored table cannot hold what is planned");
                self.start_one(planned.clone()).await;
                self.probe_heads();
                Some(true)
            }
            Course::Refused(why) => {
                if self.let_it_be_told(label)
                    && let Some((problem, remedy)) = why
                {
                    warn!(
                        table = label,
                        problem, remedy, "the table cannot be replaced by another"
                    );
                }
                Some(false)
            }
            Course::Plain(_) => {
                self.let_it_be_told(label);
                Some(false)
            }
        }
    }

    fn let_it_be_told(&self, label: &str) -> bool {
        self.fitness.get(label).is_some_and(|fitness| fitness.let_it_be_told())
    }

    /// The next table cannot hold what is planned: it was kept, or begun for something else.
    async fn begin_anew(&mut self, planned: &PlannedTable) {
        self.stop(&revision::label(&planned.table)).await;
        let old = self.runs.get(&planned.table).unwrap_or(planned);
        let block_column = old.block_column.clone();
        self.fill(planned, &block_column, Reuse::No).await;
        self.probe_heads();
    }
}
