//! The tables that run, and how others come to run instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nozzle_client::SqlClient;
use sink_postgres::Database;
use sync_core::{HealthBoard, OneLine, Outcome as Ended, TableSync};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::board::Outcome;
use super::difference::Difference;
use super::replace::Beside;
use crate::chosen::ChosenSource;
use crate::continuing::ContinuingSink;
use crate::plan::PlannedTable;
use crate::revision::{Fitness, OnRevisionChange, Pending};
use crate::{ends, head, revision};

/// How long a table has to stop cleanly.
const STOP_MAX: Duration = Duration::from_secs(10);

/// How often it is looked whether a revision can be put in place.
const LOOK_EVERY: Duration = Duration::from_millis(200);

type MakeSink = Box<dyn Fn() -> ContinuingSink + Send + Sync>;

/// The engine with the ends that this program gives it.
pub(crate) type Engine = sync_core::Engine<ChosenSource, MakeSink>;

/// The tables that run, and what is needed to start more.
pub(crate) struct Tables {
    engine: Engine,
    /// What is planned, by table.
    pub(super) running: BTreeMap<String, PlannedTable>,
    /// What the engine runs, by label.
    pub(super) runs: BTreeMap<String, PlannedTable>,
    /// What the sinks of these have found of the stored tables, by label.
    pub(super) fitness: BTreeMap<String, Arc<Fitness>>,
    /// The tables whose next one is given up once they turn out to hold what is planned.
    pub(super) in_doubt: BTreeSet<String>,
    /// The tables that are about to be replaced.
    pub(super) beside: BTreeMap<String, Beside>,
    pub(super) pending: Arc<Pending>,
    pub(super) on_change: OnRevisionChange,
    /// Since when those are stopped that were looked at.
    pub(super) examined: BTreeMap<String, SystemTime>,
    /// What [`HealthBoard::changes`] was when stopped ones were looked for, unless one could not be looked at.
    pub(super) looked_at: Option<u64>,
    client: SqlClient,
    pub(super) database: Database,
    pub(super) health: Arc<HealthBoard>,
    head_probe: Option<Duration>,
    /// A set of one, which is exchanged with the tables.
    heads: JoinSet<()>,
}

impl Tables {
    /// Starts the first tables.
    pub(crate) async fn start(
        engine: Engine,
        planned: Vec<PlannedTable>,
        (client, database): (&SqlClient, &Database),
        (health, pending): (&Arc<HealthBoard>, &Arc<Pending>),
        (head_probe, on_change): (Option<Duration>, OnRevisionChange),
    ) -> Self {
        let mut tables = Self {
            engine,
            running: BTreeMap::new(),
            runs: BTreeMap::new(),
            fitness: BTreeMap::new(),
            in_doubt: BTreeSet::new(),
            beside: BTreeMap::new(),
            pending: Arc::clone(pending),
            on_change,
            examined: BTreeMap::new(),
            looked_at: None,
            client: client.clone(),
            database: database.clone(),
            health: Arc::clone(health),
            head_probe,
            heads: JoinSet::new(),
        };
        for planned in planned {
            tables.start_one(planned).await;
        }
        tables.probe_heads();
        tables
    }

    /// Waits until all tables have ended, or it is time to look whether a revision can be put in place.
    ///
    /// # Cancellation
    /// Dropping the future changes nothing.
    pub(super) async fn next(&mut self) -> Option<Vec<(String, Ended)>> {
        tokio::select! {
            biased;
            ended = self.engine.ended() => Some(ended.into_iter().collect()),
            () = tokio::time::sleep(LOOK_EVERY) => None,
        }
    }

    /// See [`sync_core::Engine::ended`].
    pub(crate) async fn ended(&mut self) -> Vec<(String, Ended)> {
        self.engine.ended().await.into_iter().collect()
    }

    pub(super) fn client(&self) -> &SqlClient {
        &self.client
    }

    /// What there is to do until these tables run.
    pub(super) fn difference(&self, planned: Vec<PlannedTable>) -> Difference {
        Difference::between(&self.running, planned)
    }

    /// Does it: what goes is stopped before anything is started, because a new table may be written
    /// to where an old one was.
    ///
    /// # Cancellation
    /// Dropping the future leaves some of the tables stopped.
    pub(super) async fn apply(&mut self, difference: Difference) -> Outcome {
        if difference.is_none() {
            return Outcome::Unchanged;
        }
        let Difference { added, removed, changed } = difference;
        let names = |tables: &[PlannedTable]| tables.iter().map(|t| t.table.clone()).collect();
        let outcome = Outcome::Applied {
            added: names(&added),
            removed: removed.clone(),
            changed: names(&changed),
        };
        let moves = |planned: &&PlannedTable| {
            let before = self.running.get(&planned.table);
            before.is_none_or(|before| before.target != planned.target)
        };
        let moved: Vec<_> =
            changed.iter().filter(moves).map(|planned| planned.table.clone()).collect();
        for table in moved.iter().chain(&removed) {
            self.stop(table).await;
            self.stop(&revision::label(table)).await;
            self.forget_beside(table);
            self.running.remove(table);
        }
        for table in &removed {
            info!(table, "removed: its rows and its checkpoint stay");
        }
        for planned in added.into_iter().chain(changed) {
            self.start_one(planned).await;
        }
        self.probe_heads();
        outcome
    }

    /// Stops what the engine runs under this label, if it does.
    pub(super) async fn stop(&mut self, label: &str) {
        self.engine.remove(label, STOP_MAX).await;
        self.runs.remove(label);
        self.fitness.remove(label);
        self.examined.remove(label);
    }

    pub(super) fn launch(&mut self, planned: PlannedTable) {
        let table = planned.table.clone();
        let (database, sunk) = (self.database.clone(), planned.clone());
        // Of a table that is taken as it is nothing else can be made.
        let is_decided = self.on_change == OnRevisionChange::Migrate && !planned.options.as_stored;
        let fitness = Arc::new(Fitness::new(is_decided));
        let told = Arc::clone(&fitness);
        let added = self.engine.add(TableSync {
            table: table.clone(),
            dataset: planned.identity.dataset.clone(),
            query: planned.identity.query.clone(),
            block_column: planned.block_column.clone(),
            source: ends::source(&self.client, &planned),
            make_sink: Box::new(move || ends::sink(&database, &sunk).telling(Arc::clone(&told))),
        });
        match added {
            Ok(()) => {
                self.fitness.insert(table.clone(), fitness);
                self.runs.insert(table, planned);
            }
            Err(error) => error!(table, %error, "the table was not started"),
        }
    }

    pub(super) fn probe_heads(&mut self) {
        let planned: Vec<_> = self.runs.values().cloned().collect();
        let heads = head::Probes::new(&self.client, &planned, self.head_probe);
        let health = Arc::clone(&self.health);
        self.heads = JoinSet::new();
        self.heads.spawn(async move { match heads.follow(&health).await {} });
    }
}

/// Tells the log of what was done.
pub(super) fn tell(cause: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Applied { added, removed, changed } => {
            let list = |tables: &[String]| (!tables.is_empty()).then(|| tables.join(","));
            let (added, removed, changed) = (list(added), list(removed), list(changed));
            info!(cause, added, removed, changed, "the settings were reloaded");
        }
        Outcome::Unchanged => {
            info!(cause, "the settings were reloaded: the tables stay as they are")
        }
        Outcome::Failed { message, retried } => {
            let error = OneLine(message);
            warn!(cause, %error, retried, "the settings were not reloaded: the tables go on as before");
        }
    }
}
