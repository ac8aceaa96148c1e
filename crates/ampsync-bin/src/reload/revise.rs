//! Tables whose revision changes: what is started for them, and when it is looked whether the new one
//! can take the old one's place.

use sink_postgres::{Reuse, Revision, Revisions};
use sync_core::{Causes, Classify as _, OneLine, TableHealth, TableState};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::apply::Tables;
use super::difference::{Decision, decide};
use super::replace::Beside;
use crate::plan::PlannedTable;
use crate::revision::{self, Course, Fit, GivesUp, OnRevisionChange, course, is_of, is_planned};

impl Tables {
    /// Starts a table as it is planned, or what has to run until it can be.
    pub(super) async fn start_one(&mut self, planned: PlannedTable) {
        let fit = self.fit_of(&planned);
        self.start_knowing(planned, fit).await;
    }

    /// The same, where something is known of the stored table already.
    async fn start_knowing(&mut self, planned: PlannedTable, fit: Fit) {
        let stored = self.stored(&planned, fit).await.unwrap_or_default();
        let table = planned.table.clone();
        self.running.insert(table.clone(), planned.clone());
        match course(self.on_change, &stored, &planned, fit) {
            Course::Plain(gives_up) => {
                self.stop_next(&table).await;
                self.run(planned.clone()).await;
                match gives_up {
                    GivesUp::Nothing => {}
                    GivesUp::AtOnce => self.give_up(&planned).await,
                    GivesUp::OnceItFits => _ = self.in_doubt.insert(table),
                }
            }
            Course::Beside(current) => {
                self.in_doubt.remove(&table);
                let old = self.old(&planned, &current);
                let block_column = old.block_column.clone();
                self.run(old).await;
                self.fill(&planned, &block_column, Reuse::Yes).await;
            }
            Course::RolledBack { current, rejected } => {
                self.stop_next(&table).await;
                warn!(
                    table,
                    "what is planned was rolled back: the table of before goes on; change what is \
                     planned again, or run ampsync rollback {table} once more to take it back, or \
                     ampsync reset --drop {} to have it filled anew at the next start",
                    rejected.name.as_str()
                );
                self.run(revision::stored(&planned, &current)).await;
            }
            Course::Refused(why) => {
                self.stop_next(&table).await;
                if let Some((problem, remedy)) = why {
                    warn!(table, problem, remedy, "the table cannot change its revision");
                }
                self.run(planned).await;
            }
        }
    }

    /// What has to be followed until the next one is there.
    fn old(&self, planned: &PlannedTable, current: &Revision) -> PlannedTable {
        let runs = self.runs.get(&planned.table).filter(|runs| {
            is_of(current, &runs.identity)
                && runs.target == planned.target
                && self.fit(&planned.table) != Fit::Unfit
        });
        runs.cloned().unwrap_or_else(|| revision::stored(planned, current))
    }

    /// Stops filling what was to take the table's place.
    async fn stop_next(&mut self, table: &str) {
        self.stop(&revision::label(table)).await;
        self.forget_beside(table);
    }

    /// What is stored, unless that is not to be found out now.
    pub(super) async fn stored(&self, planned: &PlannedTable, fit: Fit) -> Option<Revisions> {
        if self.on_change == OnRevisionChange::Refuse {
            return Some(Revisions::default());
        }
        match revision::look(&self.database, self.on_change, planned, fit).await {
            Ok(stored) => Some(stored),
            Err(error) => {
                let error = OneLine(Causes(&error));
                debug!(table = planned.table, %error, "what is stored is not known");
                None
            }
        }
    }

    /// Lets the engine run this, unless it does.
    async fn run(&mut self, planned: PlannedTable) {
        let runs = self.runs.get(&planned.table);
        if runs.is_some_and(|runs| decide(runs, &planned) == Decision::Keep) {
            return;
        }
        let label = planned.table.clone();
        self.stop(&label).await;
        self.launch(planned);
    }

    /// Begins to fill the next revision, or goes on with it.
    pub(super) async fn fill(&mut self, planned: &PlannedTable, block_column: &str, reuse: Reuse) {
        let (table, label) = (planned.table.clone(), revision::label(&planned.table));
        let is_other = |runs: &PlannedTable| {
            decide(runs, &revision::next(planned, runs.target.clone())) != Decision::Keep
        };
        if self.runs.get(&label).is_some_and(is_other) {
            self.stop(&label).await;
        }
        let identity = &planned.identity;
        let mut beside = Beside::new();
        let wanted = (identity.dataset.as_str(), identity.query.as_str());
        match self.database.begin_next(&planned.target, wanted, block_column, reuse).await {
            Ok(target) => {
                info!(
                    table,
                    next = %target,
                    "the table is replaced: the new one is filled beside it, and the old one is served \
                     and followed meanwhile"
                );
                self.run(revision::next(planned, target)).await;
                self.pending.set(&table, None);
            }
            Err(error) => {
                let remedy = error.remedy().map(OneLine).map(tracing::field::display);
                let error = OneLine(Causes(&error)).to_string();
                warn!(table, error, remedy, "the next revision was not begun: trying again");
                self.pending.set(&table, Some(error));
                beside.wait();
            }
        }
        self.beside.insert(table, beside);
    }

    /// Gives up what was begun to take the table's place, and is not wanted any more.
    pub(super) async fn give_up(&self, planned: &PlannedTable) {
        let table = planned.table.as_str();
        match self.database.drop_next(&planned.target).await {
            Ok(true) => info!(table, "the next revision was given up"),
            Ok(false) => {}
            Err(error) => {
                let error = OneLine(Causes(&error));
                warn!(table, %error, "the next revision is not wanted, and was not given up");
            }
        }
    }

    pub(super) fn forget_beside(&mut self, table: &str) {
        self.beside.remove(table);
        self.in_doubt.remove(table);
        self.pending.clear(table);
    }

    /// Looks whether anything has to change: a table that stopped because another instance, or a
    /// rollback, has put another revision in its place; a next one that has come far enough. Returns
    /// whether it did.
    pub(super) async fn revise(&mut self) -> bool {
        if self.on_change == OnRevisionChange::Refuse {
            return false;
        }
        let now = Instant::now();
        let changes = Some(self.health.changes());
        let is_due = self.beside.values().any(|beside| beside.is_due(now));
        let is_asked =
            self.resolved().next().is_some() || self.fitness.keys().any(|one| self.asks(one));
        if !is_due && !is_asked && self.looked_at == changes {
            return false;
        }
        self.looked_at = changes;
        let mut changed = false;
        let board = self.health.snapshot();
        for (label, health) in &board {
            let known = self.examined.get(label) == Some(&health.since);
            if (health.state == TableState::Stopped || self.asks(label)) && !known {
                self.examined.insert(label.clone(), health.since);
                changed |= self.look_again(label).await;
            }
        }
        self.resolve_doubts().await;
        // What was started just now is on the board.
        let board = self.health.snapshot();
        let now = Instant::now();
        let due = self.beside.iter().filter(|(_, beside)| beside.is_due(now));
        let due: Vec<_> = due.map(|(table, _)| table.clone()).collect();
        for table in due {
            let next = board.get(&revision::label(&table));
            if next.is_none() {
                changed |= self.begin_again(&table).await;
            } else if next.is_some_and(|next| is_as_far(next, board.get(&table))) {
                changed |= self.replace(&table).await;
            }
        }
        changed
    }

    /// A table has stopped for good: perhaps because what is stored is no longer what it was.
    async fn look_again(&mut self, label: &str) -> bool {
        let (table, is_next) = revision::of_label(label);
        let Some(planned) = self.running.get(table).cloned() else { return false };
        let fit = self.fit(label);
        let Some(stored) = self.stored(&planned, fit).await else {
            self.examined.remove(label);
            self.looked_at = None;
            return false;
        };
        if fit == Fit::Unfit
            && let Some(changed) = self.look_at_unfit(label, &planned, &stored).await
        {
            return changed;
        }
        let Some(runs) = self.runs.get(label) else { return false };
        let is_refused =
            matches!(course(self.on_change, &stored, &planned, Fit::Unknown), Course::Refused(_));
        let found = if is_next { &stored.next } else { &stored.current };
        let is_same =
            fit != Fit::Replaced && found.as_ref().is_some_and(|found| is_planned(found, runs));
        if is_same || is_refused || stored.current.is_none() {
            return false;
        }
        info!(table = label, "another revision is in place now: looking again");
        self.stop(label).await;
        self.start_one(planned).await;
        self.probe_heads();
        true
    }

    async fn begin_again(&mut self, table: &str) -> bool {
        let Some(planned) = self.running.get(table).cloned() else { return false };
        let is_unfit = self.runs.get(table).is_some_and(|runs| runs.options.as_stored);
        let fit = if is_unfit { Fit::Unfit } else { Fit::Unknown };
        self.start_knowing(planned, fit).await;
        self.probe_heads();
        true
    }
}

/// Whether a table has come as far as the one whose place it is to take, and is written by us.
fn is_as_far(next: &TableHealth, current: Option<&TableHealth>) -> bool {
    let cursor = |health: &TableHealth| health.cursor.as_ref().map(|cursor| cursor.number);
    let reached = cursor(next);
    // Where nobody knows how far the other one is, the exchange itself finds out.
    next.state.is_streaming() && reached.is_some() && reached >= current.and_then(cursor)
}
