//! A server for benchmarks: whatever it sends was encoded before, so that it costs little and what
//! is measured is the client.

mod frame;
mod spine;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arrow_schema::{ArrowError, SchemaRef};
use tokio::sync::watch;
use tonic::Status;

use crate::chain::Chain;
use crate::era::Era;
use crate::flight::{
    Backend, Closed, Connections, Flight, Headers, Listener, Outbox, Request, RequestLog, Stream,
    Ticket,
};
use crate::server::SimConfig;
use crate::sql;
use crate::tables::Table;
use frame::Template;
use spine::Spine;

/// What a [`LoadServer`] serves.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// The hashes, and the values of all rows, follow from it.
    pub seed: u64,
    /// The tables. Blocks repeat every `range_blocks`, all but their numbers.
    pub tables: Vec<Table>,
    /// How many blocks there are at the start.
    pub blocks: u64,
    /// How many blocks a range has, as long as there are so many; at the head it has one.
    pub range_blocks: u64,
    /// The most rows in one batch.
    pub batch_rows: usize,
    /// Where the server listens; port 0 takes a free one.
    pub addr: SocketAddr,
}

impl LoadConfig {
    /// How many rows of the default table each block has.
    pub const ROWS_PER_BLOCK: u32 = 300;
}

impl Default for LoadConfig {
    /// Ethereum's logs, [`ROWS_PER_BLOCK`](Self::ROWS_PER_BLOCK) of them in a block, in ranges of a hundred blocks. No block is there yet.
    fn default() -> Self {
        Self {
            seed: 1,
            tables: vec![
                Table::logs().with_rows_per_block(Self::ROWS_PER_BLOCK..=Self::ROWS_PER_BLOCK),
            ],
            blocks: 0,
            range_blocks: 100,
            batch_rows: 8192,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

/// A running server of pre-encoded messages. Dropping it closes the port and cuts every connection.
#[derive(Debug)]
pub struct LoadServer {
    load: Arc<Load>,
    log: RequestLog,
    listener: Listener,
}

impl LoadServer {
    /// Encodes the messages, and starts.
    ///
    /// # Errors
    /// When the address cannot be bound, or the first column of a table is not its block column.
    pub async fn start(config: LoadConfig) -> io::Result<Self> {
        let addr = config.addr;
        let (log, connections) = (RequestLog::default(), Connections::default());
        let load = Arc::new(Load::new(config).map_err(io::Error::other)?);
        let flight = Flight::new(Arc::clone(&load), None, log.clone(), connections.clone());
        let listener = Listener::open(addr, connections, flight).await?;
        Ok(Self { load, log, listener })
    }

    /// The server's URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.listener.addr())
    }

    /// A dataset config for the server's tables, in the JSON form of `nozzle.config.json`.
    #[must_use]
    pub fn manifest_json(&self) -> String {
        self.load.dataset.manifest_json()
    }

    /// Adds blocks.
    pub fn mine(&self, blocks: u64) {
        self.load.spine.send_modify(|spine| spine.blocks += blocks);
    }

    /// Replaces the top `depth` blocks by as many others, with the same rows.
    pub fn reorg(&self, depth: u64) {
        self.load.spine.send_modify(|spine| spine.reorg(depth));
    }

    /// How many blocks there are, and the hash of the last one as the checkpoint of a client has it.
    #[must_use]
    pub fn head(&self) -> Option<(u64, [u8; 32])> {
        let spine = self.load.spine.borrow();
        let last = spine.blocks.checked_sub(1)?;
        Some((last, spine.range(last, 1).hash.0))
    }

    /// Returns when `enough` holds of the calls so far. Cancellation is harmless.
    pub async fn requests_reach(&self, enough: impl FnMut(&Vec<Request>) -> bool) {
        self.log.reach(enough).await;
    }
}

#[derive(Debug)]
struct Load {
    dataset: SimConfig,
    spine: watch::Sender<Spine>,
    tables: BTreeMap<String, Prepared>,
}

/// What is sent of one table.
#[derive(Debug)]
struct Prepared {
    schema: SchemaRef,
    range: Template,
    block: Template,
}

impl Load {
    fn new(config: LoadConfig) -> Result<Self, ArrowError> {
        let LoadConfig { seed, tables, blocks, range_blocks, batch_rows, .. } = config;
        let dataset = SimConfig { seed, tables, ..SimConfig::default() };
        let mut chain = Chain::new(seed, &dataset.network);
        chain.mine(range_blocks.max(1));
        let prepare = |table: &Table| {
            let template = |blocks| Template::new(table, blocks, batch_rows);
            let (range, block) = (template(chain.stored())?, template(&chain.stored()[..1])?);
            Ok((table.name().to_owned(), Prepared { schema: table.schema(), range, block }))
        };
        let tables = dataset.tables.iter().map(prepare).collect::<Result<_, ArrowError>>()?;
        Ok(Self { spine: watch::Sender::new(Spine::new(seed, blocks)), tables, dataset })
    }

    fn table(&self, sql: &str) -> Result<&Prepared, Status> {
        let query = sql::parse(sql)?;
        if query.largest().is_some() {
            return Err(Status::unimplemented("the load server does not aggregate"));
        }
        let unknown = || Status::invalid_argument(format!("no table is called {}", query.table));
        self.tables.get(&query.table).ok_or_else(unknown)
    }

    async fn send(
        &self,
        table: &Prepared,
        cursor: Option<crate::chain::Cursor>,
        mut out: Outbox,
    ) -> Result<(), Closed> {
        let mut changes = self.spine.subscribe();
        let mut spine = changes.borrow_and_update().clone();
        let mut next = cursor.map_or(0, |cursor| spine.after(&cursor));
        let network = &self.dataset.network;
        out.schema(&table.schema).await?;
        loop {
            let template = match spine.blocks.saturating_sub(next) {
                0 => {
                    tokio::select! {
                        changed = changes.changed() => changed.map_err(|_| Closed)?,
                        () = out.closed() => return Err(Closed),
                    }
                    None
                }
                left if left >= table.range.blocks => Some(&table.range),
                _ => Some(&table.block),
            };
            if let Some(template) = template {
                let range = spine.range(next, template.blocks);
                let metadata = |complete| Era::HEAD.metadata(&[(network, range)], complete);
                for frame in &template.frames {
                    out.push(frame.at(next, metadata(false))).await?;
                }
                out.push(template.none.at(next, metadata(true))).await?;
                next = range.end + 1;
            }
            let seen = spine.forks();
            spine.clone_from(&changes.borrow_and_update());
            next = spine.replaced(seen).map_or(next, |replaced| next.min(replaced));
        }
    }
}

impl Backend for Load {
    fn plan(&self, sql: &str, headers: &Headers) -> Result<(SchemaRef, Ticket), Status> {
        let schema = Arc::clone(&self.table(sql)?.schema);
        Ok((schema, Ticket::new(sql, headers, Era::HEAD.resume_header(), Some(true))))
    }

    fn stream(self: Arc<Self>, ticket: Ticket) -> Result<Stream, Status> {
        self.table(&ticket.sql)?;
        let cursor = ticket.cursor(&self.dataset.network)?;
        Ok(Box::new(move |out| {
            Box::pin(async move {
                if let Ok(table) = self.table(&ticket.sql) {
                    // Whoever closed it knows why.
                    _ = self.send(table, cursor, out).await;
                }
            })
        }))
    }
}
