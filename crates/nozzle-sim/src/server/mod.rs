//! The simulated server: a chain and its tables, served over real gRPC.

mod batch;
mod config;
mod plan;
mod state;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;

use crate::admin::{AdminRequest, AdminServer};
use crate::chain::{BlockHash, Chain};
use crate::fault::Fault;
use crate::flight::{Connections, Flight, Listener, Request, RequestLog};
use crate::tables::{SchemaChange, Table};
pub use config::SimConfig;
use state::State;

/// A running server. Dropping it closes the port and cuts every connection.
#[derive(Debug)]
pub struct SimServer {
    state: Arc<State>,
    log: RequestLog,
    connections: Connections,
    listener: Listener,
    admin: AdminServer,
}

impl SimServer {
    /// Starts a server with an empty chain.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        let chain = Chain::starting_at(config.seed, &config.network, config.first_block);
        let (log, connections) = (RequestLog::default(), Connections::default());
        let state = Arc::new(State::new(config, chain));
        let flight = flight(&state, &log, &connections);
        let listener = Listener::open(state.config.addr, connections.clone(), flight).await?;
        let known = Arc::clone(&state);
        let admin = AdminServer::open(state.config.token.clone(), move || known.registry()).await?;
        Ok(Self { state, log, connections, listener, admin })
    }

    /// The URL of the Admin API, `http://127.0.0.1:PORT`. It is there as long as the server is,
    /// stopped or not.
    #[must_use]
    pub fn admin_endpoint(&self) -> String {
        format!("http://{}", self.admin.addr())
    }

    /// The calls of the Admin API that clients made, in their order.
    #[must_use]
    pub fn admin_requests(&self) -> Vec<AdminRequest> {
        self.admin.requests()
    }

    /// Returns when `enough` holds of the calls of the Admin API so far. Cancellation is harmless.
    pub async fn admin_requests_reach(&self, enough: impl FnMut(&Vec<AdminRequest>) -> bool) {
        self.admin.reach(enough).await;
    }

    /// The server's URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.listener.addr())
    }

    /// Where the server listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// What the server was started with. Its tables are those of the beginning.
    #[must_use]
    pub fn config(&self) -> &SimConfig {
        &self.state.config
    }

    /// See [`SimConfig::manifest_json`].
    #[must_use]
    pub fn manifest_json(&self) -> String {
        self.state.config.manifest_json()
    }

    /// See [`SimConfig::config_ts`].
    #[must_use]
    pub fn config_ts(&self) -> String {
        self.state.config.config_ts()
    }

    /// Changes the chain; open streams see the result of the whole change at once.
    pub fn update(&self, change: impl FnOnce(&mut Chain)) {
        self.state.chain.send_modify(|chain| change(Arc::make_mut(chain)));
    }

    /// Adds `blocks` blocks to the chain. See [`Chain::mine`].
    pub fn mine(&self, blocks: u64) {
        self.update(|chain| chain.mine(blocks));
    }

    /// Replaces the top `depth` blocks by `depth + 1` others. See [`Chain::reorg`].
    ///
    /// # Panics
    /// When the chain is not that long, or `depth` is zero.
    pub fn reorg(&self, depth: u64) {
        self.update(|chain| chain.reorg(depth));
    }

    /// The server forgets every orphan. See [`Chain::forget_forks`].
    pub fn forget_forks(&self) {
        self.update(Chain::forget_forks);
    }

    /// The dataset is known from now on.
    pub fn register(&self) {
        self.state.registered.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// Points every tag, and the version too, to another manifest, whose hash is returned. It
    /// has the same tables; the hashes before it stay revisions of the dataset.
    pub fn repoint(&self) -> String {
        self.state.repoint()
    }

    /// Forgets every revision of the dataset but the one that its tags name.
    pub fn forget_revisions(&self) {
        self.state.forget_revisions();
    }

    /// The dataset is deployed from now on.
    pub fn deploy(&self) {
        self.state.deployed.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// The chain as it is now.
    #[must_use]
    pub fn chain(&self) -> Arc<Chain> {
        Arc::clone(&self.state.chain.borrow())
    }

    /// Looks at the chain again and again, from wherever the server itself cannot be taken to.
    pub fn chain_watch(&self) -> impl Fn() -> Arc<Chain> + Send + Sync + use<> {
        let state = Arc::clone(&self.state);
        move || Arc::clone(&state.chain.borrow())
    }

    /// The rows that a client must have once it has caught up: those of every canonical block
    /// the server has stored, in the order of the blocks, with the schema of `SELECT *`.
    ///
    /// # Panics
    /// When there is no such table.
    #[must_use]
    pub fn canonical(&self, table: &str) -> Vec<RecordBatch> {
        let (chain, table) = (self.chain(), self.table(table));
        chain.stored().chunks(1000).map(|blocks| table.rows_of(blocks)).collect()
    }

    /// The rows that a client must have once it has caught up with a stream of `sql`.
    ///
    /// # Errors
    /// When it is not SQL that the simulator reads.
    pub fn answer(&self, sql: &str) -> Result<Vec<RecordBatch>, tonic::Status> {
        self.state.answer(sql)
    }

    /// How many rows of the table the block has; zero for an unknown hash.
    ///
    /// # Panics
    /// When there is no such table.
    #[must_use]
    pub fn rows_in_block(&self, table: &str, hash: &BlockHash) -> usize {
        let (chain, table) = (self.chain(), self.table(table));
        let rows = chain.by_hash(hash).map_or(0, |block| table.row_count(block));
        usize::try_from(rows).unwrap_or(usize::MAX)
    }

    /// The table as it is now.
    ///
    /// # Panics
    /// When there is no such table.
    #[must_use]
    #[expect(clippy::expect_used, reason = "documented, and a mistake of the caller")]
    pub fn table(&self, name: &str) -> Table {
        self.state.table(name).expect("the dataset has the table")
    }

    /// Changes the schema of a table for every query from now on. Open streams keep theirs.
    pub fn change_schema(&self, table: &str, change: &SchemaChange) {
        self.state.change_schema(table, change);
    }

    /// Adds a fault of whichever table comes first.
    pub fn inject(&self, fault: Fault) {
        self.state.inject(None, fault);
    }

    /// Adds a fault of one table.
    pub fn inject_for(&self, table: &str, fault: Fault) {
        self.state.inject(Some(table), fault);
    }

    /// Takes back the last change of the schema of a table. Open streams keep theirs.
    pub fn restore_schema(&self, table: &str) {
        self.state.restore_schema(table);
    }

    /// From the next [`restart`](SimServer::restart) on, says goodbye (GOAWAY) to every connection
    /// of this age, and cuts it when it is twice as old.
    pub fn retire_connections(&mut self, age: Option<Duration>) {
        self.listener.set_age_max(age);
    }

    /// Takes back all faults that have not come to pass yet, and says how many they were.
    pub fn withdraw_faults(&self) -> usize {
        self.state.faults().clear()
    }

    /// How many faults have not come to pass yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.state.faults().len()
    }

    /// The calls that clients made, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.log.all()
    }

    /// Returns when `enough` holds of the calls so far. Cancellation is harmless.
    pub async fn requests_reach(&self, enough: impl FnMut(&Vec<Request>) -> bool) {
        self.log.reach(enough).await;
    }

    /// Cuts every connection; the port stays open.
    pub fn drop_connections(&self) {
        self.connections.cut();
    }

    /// Closes the port and cuts every connection. When it returns, a client is refused; dropping
    /// the future leaves open when that is.
    pub async fn stop(&mut self) {
        self.listener.close().await;
    }

    /// Opens the same port again, with the same chain.
    ///
    /// # Errors
    /// When the port was taken meanwhile.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.listener.reopen(flight(&self.state, &self.log, &self.connections)).await
    }
}

fn flight(state: &Arc<State>, log: &RequestLog, connections: &Connections) -> Flight<State> {
    let token = state.config.token.clone();
    Flight::new(Arc::clone(state), token, log.clone(), connections.clone())
}
