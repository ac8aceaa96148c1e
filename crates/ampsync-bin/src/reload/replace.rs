//! A table that was filled beside another one takes its place, or is tried again later.

use std::time::Duration;

use ampsync_schema::QualifiedName;
use sink_postgres::{Database, Error, Exchange, Exchanged, Revision, Revisions};
use sync_core::{Causes, Classify as _, Fault, OneLine};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::apply::Tables;
use crate::revision::{self, Fit, is_of};

/// How long until what did not work is tried again: from the first, doubling, to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// After so many times that it was not far enough, the waits grow no more.
const MISSES_MAX: u32 = 25;

/// After how many failures in a row they are told.
const PATIENCE: u32 = 3;

/// A table that is being filled to take another one's place.
pub(super) struct Beside {
    /// When it is looked at again.
    due: Instant,
    delay: Duration,
    failures: u32,
    /// How often in a row it was not far enough.
    misses: u32,
    /// Whether its indexes and statistics are complete.
    complete: bool,
    /// What makes them so: a set of at most one, which ends with this.
    completing: JoinSet<Result<Exchange, Error>>,
    told: Option<String>,
}

impl Beside {
    pub(super) fn new() -> Self {
        let (due, delay, completing) = (Instant::now(), RETRY.0, JoinSet::new());
        Self { due, delay, failures: 0, misses: 0, complete: false, completing, told: None }
    }

    /// Makes the next table complete beside everything else, because that may take hours. Returns whether
    /// it is.
    fn completes(&mut self, database: &Database, target: &QualifiedName) -> Result<bool, Error> {
        if self.complete {
            return Ok(true);
        }
        if self.completing.is_empty() {
            let (database, target) = (database.clone(), target.clone());
            self.completing.spawn(async move { database.complete_next(&target).await });
        }
        match self.completing.try_join_next() {
            None => {
                self.later(RETRY.0);
                Ok(false)
            }
            Some(Ok(exchange)) => {
                let obstacles = exchange?.obstacles;
                if !obstacles.is_empty() {
                    return Err(Error::Blocked { table: target.clone(), obstacles });
                }
                self.complete = true;
                Ok(true)
            }
            // It has panicked, which the log has: it is begun again.
            Some(Err(_)) => {
                self.later(RETRY.1);
                Ok(false)
            }
        }
    }

    fn later(&mut self, delay: Duration) {
        self.due = Instant::now() + delay;
    }

    /// Whether it is to be looked at.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// Waits as long as after any number of failures.
    pub(super) fn wait(&mut self) {
        self.later(RETRY.1);
    }
}

impl Tables {
    /// Puts the next revision in the table's place, if it can be.
    pub(super) async fn replace(&mut self, table: &str) -> bool {
        let Some(planned) = self.running.get(table).cloned() else { return false };
        let Some(beside) = self.beside.get_mut(table) else { return false };
        let exchanged = match beside.completes(&self.database, &planned.target) {
            Ok(true) => self.database.swap(&planned.target).await,
            Ok(false) => return false,
            Err(error) => Err(error),
        };
        let error = match exchanged {
            Ok(Exchanged { kept, .. }) => {
                info!(table, %kept, "the new revision is in place; the one before is kept");
                self.stop(&revision::label(table)).await;
                self.stop(table).await;
                self.start_one(planned).await;
                self.probe_heads();
                return true;
            }
            Err(error) => error,
        };
        // Another instance may have been faster, or the answer was lost.
        let is = |stored: &Option<Revision>| {
            stored.as_ref().is_some_and(|stored| is_of(stored, &planned.identity))
        };
        let is_done = |stored: &Revisions| is(&stored.current) && !is(&stored.next);
        if !matches!(error, Error::Behind { .. })
            && self.stored(&planned, Fit::Unknown).await.as_ref().is_some_and(is_done)
        {
            self.start_one(planned).await;
            self.probe_heads();
            return true;
        }
        self.put_off(table, &error);
        false
    }

    /// Notes when it is tried again, and tells why, once a reason.
    fn put_off(&mut self, table: &str, error: &Error) {
        let Some(beside) = self.beside.get_mut(table) else { return };
        debug!(table, error = %Causes(error), "not exchanged yet");
        beside.complete &= matches!(error, Error::Behind { .. } | Error::Locked { .. });
        if matches!(error, Error::Behind { .. }) {
            beside.misses = (beside.misses + 1).min(MISSES_MAX);
            beside.later(RETRY.0 * beside.misses);
            return;
        }
        beside.failures += 1;
        let is_permanent = error.fault() == Fault::Permanent;
        beside.delay = if is_permanent { RETRY.1 } else { (beside.delay * 2).min(RETRY.1) };
        beside.later(beside.delay);
        if !is_permanent && beside.failures < PATIENCE {
            return;
        }
        let text = OneLine(Causes(error)).to_string();
        self.pending.set(table, Some(text.clone()));
        if beside.told.as_ref() != Some(&text) {
            let remedy = error.remedy().map(OneLine).map(tracing::field::display);
            warn!(
                table,
                error = text,
                remedy,
                "the new revision is ready and not in place yet: the old one goes on, and it is tried \
                 again"
            );
            beside.told = Some(text);
        }
    }

    /// Makes what was put off be looked at now.
    pub(super) fn hurry(&mut self) {
        self.beside.values_mut().for_each(|beside| beside.due = Instant::now());
    }
}
