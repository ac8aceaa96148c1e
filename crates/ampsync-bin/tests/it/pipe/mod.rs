//! The whole pipe: a simulated server, the real binary, a real PostgreSQL, and faults between them.

mod announced;
mod doubt;
mod evolves;
mod follows;
mod heads;
mod heals;
mod instances;
mod killed;
mod queries;
mod reading;
mod replayed;
mod resolved;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ampsync_testkit::postgres::{self, Cluster, Session};
use ampsync_testkit::snapshot::{Known, Reader, View, Watched};
use ampsync_testkit::verify;
use arrow_array::RecordBatch;
use nozzle_sim::{BlockHash, Chain, SimConfig, SimServer, Table};

use crate::process::Running;

/// Longer than anything waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A database of its own and the connection that the test looks with.
pub(crate) struct Database {
    cluster: &'static Cluster,
    pub(crate) name: String,
    pub(crate) session: Session,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let cluster = postgres::shared().await;
        let name = cluster.create_database().await.unwrap();
        let session = cluster.connect(&name).await.unwrap();
        Self { cluster, name, session }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.cluster.addr()
    }

    pub(crate) fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// The URL of the same database through a proxy.
    pub(crate) fn url_via(&self, proxy: SocketAddr) -> String {
        self.cluster.url_via(proxy, &self.name)
    }

    /// Watches a table in snapshot after snapshot, for what no reader may ever see.
    pub(crate) fn watch(&self, sim: &SimServer, table: &str) -> Reader {
        let watched = Watched {
            table: format!("\"{table}\""),
            number: "_block_num".to_owned(),
            hash: if table == "blocks" { "hash" } else { "block_hash" }.to_owned(),
        };
        let (chains, table) = (Chains::of(sim), sim.table(table));
        Reader::start(self.cluster.config(&self.name), &watched, move |view| {
            chains.check(view, &table)
        })
    }

    /// Waits until the table's checkpoint is the head of the chain.
    pub(crate) async fn reaches(&self, table: &str, head: &BlockHash) {
        let deadline = Instant::now() + PATIENCE;
        while self.cursor_hash(table).await.as_deref() != Some(&head.0) {
            assert!(Instant::now() < deadline, "{table} never reached the head of the chain");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn cursor_hash(&self, table: &str) -> Option<Vec<u8>> {
        // Until ampsync has started, the table is not there.
        let query = "SELECT cursor_hash FROM ampsync.checkpoints WHERE table_name = $1";
        self.session.query_opt(query, &[&table]).await.ok().flatten()?.get(0)
    }

    /// Waits until every table is where the simulated chain is, and compares them row by row.
    pub(crate) async fn equals(&self, sim: &SimServer) {
        let head = sim.chain().head().unwrap().hash;
        for table in &sim.config().tables {
            self.reaches(table.name(), &head).await;
        }
        for table in &sim.config().tables {
            let canonical = sim.canonical(table.name());
            let verdict = verify::table(&self.session, "public", table.name(), &canonical).await;
            verdict.unwrap().expect_equal();
        }
    }

    /// Waits until the table is where the simulated chain is, and compares it row by row.
    pub(crate) async fn table_equals(&self, sim: &SimServer, table: &str, rows: &[RecordBatch]) {
        self.reaches(table, &sim.chain().head().unwrap().hash).await;
        let verdict = verify::table(&self.session, "public", table, rows).await;
        verdict.unwrap().expect_equal();
    }

    pub(crate) async fn count(&self, query: &str) -> i64 {
        self.session.query_one(query, &[]).await.unwrap().get(0)
    }
}

/// A simulated server whose ranges are short, so that many things happen in few blocks.
pub(crate) async fn simulate(tables: Vec<Table>) -> SimServer {
    let config =
        SimConfig { tables, microbatch_blocks_max: 20, seed: seed(), ..SimConfig::default() };
    SimServer::start(config).await.unwrap()
}

/// The seed of this run, printed so that a failure can be looked at again: `SIM_SEED=n`.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("SIM_SEED={seed}");
    seed
}

/// The binary, syncing these tables of the simulated dataset.
pub(crate) fn start(sim: &SimServer, url: &str) -> Running {
    start_with(sim, url, &[])
}

pub(crate) fn start_with(sim: &SimServer, url: &str, more: &[(&str, &str)]) -> Running {
    let tables: Vec<_> = sim.config().tables.iter().map(Table::name).collect();
    let (endpoint, dataset, tables) =
        (sim.endpoint(), sim.config().dataset_ref(), tables.join(","));
    let mut environment = vec![
        ("NOZZLE_ENDPOINT", endpoint.as_str()),
        ("DATASET", &dataset),
        ("TABLES", &tables),
        ("DATABASE_URL", url),
        ("RETRY_DELAY_MAX_MS", "500"),
    ];
    environment.extend(more);
    Running::start(&environment)
}

/// Every block that the chain ever had, by its hash, as of the last look.
struct Chains {
    chain: Box<dyn Fn() -> Arc<Chain> + Send + Sync>,
}

impl Chains {
    fn of(sim: &SimServer) -> Self {
        Self { chain: Box::new(sim.chain_watch()) }
    }

    /// A snapshot has whole blocks of one fork, from the first block on without a gap.
    fn check(&self, view: &View, table: &Table) -> Result<(), String> {
        let chain = (self.chain)();
        view.is_one_fork(|hash| {
            let block = chain.by_hash(&hash.parse::<BlockHash>().ok()?)?;
            Some(Known {
                number: i64::try_from(block.number).ok()?,
                parent: block.parent.to_string(),
                rows: i64::from(table.row_count(block)),
            })
        })
    }
}
