//! The tables that run, and how others come to run instead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nozzle_client::SqlClient;
use sink_postgres::Database;
use sync_core::{HealthBoard, OneLine, Outcome as Ended, TableSync};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::board::Outcome;
use super::difference::Difference;
use crate::chosen::ChosenSource;
use crate::continuing::ContinuingSink;
use crate::plan::PlannedTable;
use crate::{ends, head};

/// How long a table has to stop cleanly.
const STOP_MAX: Duration = Duration::from_secs(10);

type MakeSink = Box<dyn Fn() -> ContinuingSink + Send + Sync>;

/// The engine with the ends that this program gives it.
pub(crate) type Engine = sync_core::Engine<ChosenSource, MakeSink>;

/// The tables that run, and what is needed to start more.
pub(crate) struct Tables {
    engine: Engine,
    running: BTreeMap<String, PlannedTable>,
    client: SqlClient,
    database: Database,
    health: Arc<HealthBoard>,
    head_probe: Option<Duration>,
    /// A set of one, which is exchanged with the tables.
    heads: JoinSet<()>,
}

impl Tables {
    /// Starts the first tables.
    pub(crate) fn start(
        engine: Engine,
        planned: Vec<PlannedTable>,
        (client, database): (&SqlClient, &Database),
        health: &Arc<HealthBoard>,
        head_probe: Option<Duration>,
    ) -> Self {
        let mut tables = Self {
            engine,
            running: BTreeMap::new(),
            client: client.clone(),
            database: database.clone(),
            health: Arc::clone(health),
            head_probe,
            heads: JoinSet::new(),
        };
        planned.into_iter().for_each(|planned| tables.add(planned));
        tables.probe_heads();
        tables
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
        for table in changed.iter().map(|planned| &planned.table).chain(&removed) {
            self.engine.remove(table, STOP_MAX).await;
            self.running.remove(table);
        }
        for table in &removed {
            info!(table, "removed: its rows and its checkpoint stay");
        }
        for planned in added.into_iter().chain(changed) {
            self.add(planned);
        }
        self.probe_heads();
        outcome
    }

    fn add(&mut self, planned: PlannedTable) {
        let table = planned.table.clone();
        let (database, sunk) = (self.database.clone(), planned.clone());
        let added = self.engine.add(TableSync {
            table: table.clone(),
            dataset: planned.identity.dataset.clone(),
            query: planned.identity.query.clone(),
            block_column: planned.block_column.clone(),
            source: ends::source(&self.client, &planned),
            make_sink: Box::new(move || ends::sink(&database, &sunk)),
        });
        match added {
            Ok(()) => {
                self.running.insert(table, planned);
            }
            Err(error) => error!(table, %error, "the table was not started"),
        }
    }

    fn probe_heads(&mut self) {
        let planned: Vec<_> = self.running.values().cloned().collect();
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
