//! What all calls share, and how a call finds its way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_schema::SchemaRef;
use tokio::sync::watch;
use tonic::Status;

use super::plan::Plan;
use super::{SimConfig, batch, stream};
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
    pub(super) deployed: AtomicBool,
    tables: Mutex<Vec<Table>>,
    faults: Mutex<Faults>,
    /// How many streams were opened: each has randomness of its own.
    streams: AtomicU64,
}

impl State {
    pub(super) fn new(config: SimConfig, chain: Chain) -> Self {
        Self {
            chain: watch::Sender::new(Arc::new(chain)),
            deployed: AtomicBool::new(config.deployed),
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
        if let Some(status) = self.faults().flight_info(&query.table) {
            return Err(status);
        }
        let plan = Plan::new(self, &query)?;
        let era = &self.config.era;
        let stream = stream_header(headers).filter(|_| era.stream_header).or(query.stream);
        Ok((plan.schema, Ticket::new(sql, headers, era.resume_header(), stream)))
    }

    fn stream(self: Arc<Self>, ticket: Ticket) -> Result<Stream, Status> {
        let query = sql::parse(&ticket.sql)?;
        if let Some(status) = self.faults().do_get(&query.table) {
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
        let random = self.random();
        if !ticket.stream {
            return Ok(Box::new(|out| Box::pin(batch::run(self, plan, random, out))));
        }
        let cursor = ticket.cursor(&self.config.network)?;
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
