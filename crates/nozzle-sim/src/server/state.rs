//! What all calls share, and how a call finds its way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use tokio::sync::watch;
use tonic::Status;

use super::plan::Plan;
use super::{SimConfig, batch, stream};
use crate::admin::Registry;
use crate::chain::Chain;
use crate::fault::{Fault, Faults};
use crate::flight::{Backend, Headers, Stream, Ticket, stream_header};
use crate::sql;
use crate::tables::{SchemaChange, Table};

/// The server without its socket.
#[derive(Debug)]
pub(super) struct State {
    pub(super) config: SimConfig,
    pub(super) chain: watch::Sender<Arc<Chain>>,
    pub(super) registered: AtomicBool,
    pub(super) deployed: AtomicBool,
    /// How often the dataset's manifest has changed.
    changes: AtomicU64,
    /// Through which of them the revisions are forgotten.
    forgotten: AtomicU64,
    tables: Mutex<Vec<Table>>,
    faults: Mutex<Faults>,
    /// How many streams were opened: each has randomness of its own.
    streams: AtomicU64,
}

impl State {
    pub(super) fn new(config: SimConfig, chain: Chain) -> Self {
        Self {
            chain: watch::Sender::new(Arc::new(chain)),
            registered: AtomicBool::new(config.registered),
            deployed: AtomicBool::new(config.deployed),
            changes: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            tables: Mutex::new(config.tables.clone()),
            faults: Mutex::default(),
            streams: AtomicU64::new(0),
            config,
        }
    }

    pub(super) fn table(&self, name: &str) -> Option<Table> {
        self.tables().iter().find(|table| table.name() == name).cloned()
    }

    pub(super) fn change_schema(&self, name: &str, change: &SchemaChange) {
        for table in self.tables().iter_mut().filter(|table| table.name() == name) {
            *table = table.clone().with_change(change.clone());
        }
    }

    pub(super) fn restore_schema(&self, name: &str) {
        for table in self.tables().iter_mut().filter(|table| table.name() == name) {
            *table = table.clone().without_last_change();
        }
    }

    pub(super) fn repoint(&self) -> String {
        let changes = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        self.config.manifest_hash_after(changes)
    }

    pub(super) fn forget_revisions(&self) {
        self.forgotten.store(self.changes.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// What is known of the dataset at the moment.
    pub(super) fn registry(&self) -> Registry {
        let changes = self.changes.load(Ordering::SeqCst);
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        Registry {
            shape: self.config.era.admin,
            registered: self.registered.load(Ordering::SeqCst),
            namespace: self.config.namespace.clone(),
            name: self.config.dataset.clone(),
            version: self.config.version.clone(),
            network: self.config.network.clone(),
            hashes: (forgotten..=changes).map(|at| self.config.manifest_hash_after(at)).collect(),
            tables: self.tables().iter().map(|table| table.name().to_owned()).collect(),
        }
    }

    /// The rows of everything stored.
    pub(super) fn answer(&self, sql: &str) -> Result<Vec<RecordBatch>, Status> {
        let plan = Plan::new(self, &sql::parse(sql)?)?;
        let chain = Arc::clone(&self.chain.borrow());
        let rows = chain.stored().chunks(1000).map(|blocks| {
            let rows = plan.filter(plan.table.rows_of(blocks));
            plan.project(&rows).map_err(|error| Status::internal(error.to_string()))
        });
        rows.collect()
    }

    /// Adds a fault and wakes idle streams, which may be concerned.
    pub(super) fn inject(&self, table: Option<&str>, fault: Fault) {
        self.faults().push(table.map(str::to_owned), fault);
        self.chain.send_modify(|_| {});
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables(&self) -> MutexGuard<'_, Vec<Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn random(&self) -> fastrand::Rng {
        let stream = self.streams.fetch_add(1, Ordering::SeqCst);
        fastrand::Rng::with_seed(self.config.seed.wrapping_mul(1000).wrapping_add(stream))
    }
}

/// The backend is the state behind an `Arc`, which its streams share.
impl Backend for State {
    fn plan(&self, sql: &str, headers: &Headers) -> Result<(SchemaRef, Ticket), Status> {
        let query = sql::parse(sql)?;
        let fault = match query.largest() {
            Some(_) => None,
            None => self.faults().flight_info(&query.table),
        };
        if let Some(status) = fault {
            return Err(status);
        }
        let plan = Plan::new(self, &query)?;
        let era = &self.config.era;
        let stream = stream_header(headers).filter(|_| era.stream_header).or(query.stream);
        Ok((plan.schema, Ticket::new(sql, headers, era.resume_header(), stream)))
    }

    fn withholds(&self, sql: &str) -> bool {
        sql::parse(sql)
            .is_ok_and(|query| query.largest().is_none() && self.faults().withhold(&query.table))
    }

    fn stream(self: Arc<Self>, ticket: Ticket) -> Result<Stream, Status> {
        let query = sql::parse(&ticket.sql)?;
        let looks = query.largest().is_some();
        let fault = if looks { None } else { self.faults().do_get(&query.table) };
        if let Some(status) = fault {
            return Err(status);
        }
        let plan = Plan::new(&self, &query)?;
        if !self.deployed.load(Ordering::SeqCst) {
            return Err(Status::internal(format!(
                "error creating physical catalog | Caused by: table '{}.{}' has not been synced",
                query.dataset, query.table
            )));
        }
        plan.check(&query, ticket.stream)?;
        if looks {
            return Ok(Box::new(|out| Box::pin(batch::largest(self, plan, out))));
        }
        let random = self.random();
        if !ticket.stream {
            return Ok(Box::new(|out| Box::pin(batch::run(self, plan, random, out))));
        }
        let mut cursor = ticket.cursor(&self.config.network)?;
        if cursor.is_some() && self.faults().ignore_cursor(plan.table.name()) {
            cursor = None;
        }
        let silence = self.faults().silence(plan.table.name());
        Ok(Box::new(move |out| {
            Box::pin(async move {
                if silence {
                    return out.closed().await;
                }
                stream::run(self, plan, random, cursor, out).await;
            })
        }))
    }
}
