//! Everything that runs during chaos.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ampsync_testkit::postgres::{Cluster, Session, connect};
use ampsync_testkit::proxy::{PgProxy, Proxy, Shape};
use anyhow::{Context, Result, anyhow, bail};
use nozzle_sim::{Chain, SimConfig, SimServer};
use tempfile::TempDir;
use tokio::sync::{Mutex, RwLock};
use tokio::time::sleep;
use tokio_postgres::{Client, Config};

use super::faults::database::Disk;
use super::options::Options;
use super::watchers::{Watchers, sessions};
use crate::stage::{self, Ampsync, Told, table_names};

pub(super) const DATABASE: &str = "chaos";
/// The role that ampsync logs in as, which may be hampered.
pub(super) const ROLE: &str = "chaos";
const PASSWORD: &str = "chaos";
/// A role of others, who come in large numbers.
const CROWD: &str = "crowd";
/// The connections of each process.
const CONNECTIONS_MAX: i64 = 4;
/// How many blocks deep a reorg can be told; the least that ampsync takes.
pub(super) const RETENTION: u64 = 64;
const POLL: Duration = Duration::from_millis(50);
/// How long PostgreSQL may be away when nobody holds it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Small batches, so that much happens, and short waits.
const SETTINGS: &[(&str, &str)] = &[
    ("MAX_DB_CONNECTIONS", "4"),
    ("RETENTION_BLOCKS", "64"),
    ("REORG_BEYOND_RETENTION", "resync"),
    ("BATCH_ROWS_MIN", "20"),
    ("BATCH_ROWS_MAX", "120"),
    ("RETRY_DELAY_MAX_MS", "500"),
];

/// Everything that runs. Dropping it ends all of it.
pub(super) struct World {
    pub(super) sim: RwLock<SimServer>,
    /// Between ampsync and the server.
    pub(super) flight: Proxy,
    /// Between ampsync and PostgreSQL.
    pub(super) database: PgProxy,
    pub(super) instances: Mutex<Vec<Ampsync>>,
    pub(super) tables: Vec<String>,
    pub(super) watchers: Watchers,
    pub(super) disk: Option<Disk>,
    chain: Box<dyn Fn() -> Arc<Chain>>,
    /// Set once connections were made half-open: PostgreSQL does not know which are gone.
    lost: AtomicBool,
    /// Set while no reorg may happen.
    quiet: AtomicBool,
    started: AtomicU64,
    begun: Instant,
    admin: Config,
    program: PathBuf,
    /// Dropped after all that uses it.
    pub(super) cluster: Mutex<Cluster>,
    folder: TempDir,
}

impl World {
    pub(super) async fn create(options: &Options, program: PathBuf, disk: bool) -> Result<Self> {
        let cluster = Cluster::start().await?;
        let folder = tempfile::tempdir().context("could not make a temporary folder")?;
        let admin = cluster.connect("postgres").await.context("could not connect")?;
        let disk = if disk {
            let data = admin.query_one("SHOW data_directory", &[]).await?;
            Disk::mount(Path::new(data.try_get::<_, &str>(0)?))?
        } else {
            None
        };
        let mut create = vec![
            format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'"),
            format!("CREATE ROLE {CROWD} LOGIN PASSWORD '{PASSWORD}'"),
        ];
        if let Some(disk) = &disk {
            create.push(format!("CREATE TABLESPACE small LOCATION '{}'", disk.folder().display()));
        }
        let space = disk.as_ref().map_or("", |_| " TABLESPACE small");
        create.push(format!("CREATE DATABASE {DATABASE} OWNER {ROLE}{space}"));
        create.push(format!("REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC"));
        create.push(format!("GRANT CONNECT ON DATABASE {DATABASE} TO {ROLE}"));
        for statement in create {
            admin.batch_execute(&statement).await.with_context(|| statement.clone())?;
        }
        let config = SimConfig {
            seed: options.seed,
            microbatch_blocks_max: 60,
            batch_rows_max: 200,
            ..SimConfig::default()
        };
        let sim = SimServer::start(config).await.context("could not start the simulated server")?;
        fs::write(folder.path().join("nozzle.config.ts"), sim.config_ts())
            .context("could not write the config")?;
        let flight = Proxy::start(sim.addr()).await.context("could not start a proxy")?;
        let database = PgProxy::start(cluster.addr()).await.context("could not start a proxy")?;
        let watch = Arc::new(sim.chain_watch());
        let look = Arc::clone(&watch);
        let chain = Box::new(move || look());
        let admin = cluster.config(DATABASE);
        let watchers = Watchers::start(&sim.config().tables, &admin, move || watch());
        Ok(Self {
            tables: table_names(&sim),
            sim: RwLock::new(sim),
            flight,
            database,
            instances: Mutex::default(),
            watchers,
            disk,
            chain,
            lost: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            started: AtomicU64::new(0),
            begun: Instant::now(),
            admin,
            program,
            cluster: Mutex::new(cluster),
            folder,
        })
    }

    /// The chain as it is now.
    pub(super) fn chain(&self) -> Arc<Chain> {
        (self.chain)()
    }

    /// Does something to the simulated server.
    pub(super) async fn with_sim<T>(&self, act: impl FnOnce(&SimServer) -> T) -> T {
        act(&*self.sim.read().await)
    }

    /// A session of the superuser past the proxy, as soon as PostgreSQL is there.
    pub(super) async fn admin(&self) -> Result<Session> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match connect(&self.admin).await {
                Ok(session) => return Ok(session),
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("PostgreSQL did not come back");
                }
                Err(_) => sleep(POLL).await,
            }
        }
    }

    /// One more session of somebody else, where there is room for it.
    pub(super) async fn crowd(&self) -> Result<Session, tokio_postgres::Error> {
        let mut config = self.admin.clone();
        connect(config.user(CROWD).password(PASSWORD).dbname("postgres")).await
    }

    /// Runs statements of the superuser, each by itself.
    pub(super) async fn execute(&self, statements: &[String]) -> Result<()> {
        let session = self.admin().await?;
        for statement in statements {
            session.batch_execute(statement).await.with_context(|| statement.clone())?;
        }
        Ok(())
    }

    /// A new ampsync, running.
    pub(super) fn new_instance(&self) -> Result<Ampsync> {
        let log = self.folder.path().join("ampsync.log");
        let mut ampsync = Ampsync::new(self.program.clone(), log);
        self.start(&mut ampsync)?;
        Ok(ampsync)
    }

    /// Starts an ampsync, under a name of its own in `pg_stat_activity`.
    pub(super) fn start(&self, ampsync: &mut Ampsync) -> Result<()> {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let addr = self.database.addr();
        let told = Told {
            manifest: self.folder.path().join("nozzle.config.ts"),
            endpoint: format!("http://{}", self.flight.addr()),
            database_url: format!(
                "postgresql://{ROLE}:{PASSWORD}@{addr}/{DATABASE}\
                 ?sslmode=disable&application_name=chaos-{number}"
            ),
            more: SETTINGS.to_vec(),
        };
        ampsync.start(&told)
    }

    pub(super) async fn start_first(&self) -> Result<()> {
        let first = self.new_instance()?;
        self.instances.lock().await.push(first);
        Ok(())
    }

    /// Whether a reorg may happen.
    pub(super) fn may_reorg(&self) -> bool {
        !self.quiet.load(Ordering::SeqCst)
    }

    /// Lets no reorg happen, or again.
    pub(super) fn set_quiet(&self, quiet: bool) {
        self.quiet.store(quiet, Ordering::SeqCst);
    }

    /// From now on PostgreSQL has sessions of which nobody else knows.
    pub(super) fn lose_count(&self) {
        self.lost.store(true, Ordering::SeqCst);
    }

    /// Returns with what is broken as soon as something is.
    pub(super) async fn watch(&self) -> anyhow::Error {
        let excused = || self.lost.load(Ordering::SeqCst) || self.database.is_stalled();
        tokio::select! {
            () = self.watchers.broken() => match self.watchers.finish().await {
                Err(error) => error,
                Ok(_) => anyhow!("a reader has ended"),
            },
            error = self.alive() => error,
            error = sessions(&self.admin, CONNECTIONS_MAX, excused) => error,
        }
    }

    /// Returns when an ampsync ended by itself, or a table has stopped for good.
    async fn alive(&self) -> anyhow::Error {
        loop {
            sleep(10 * POLL).await;
            for ampsync in self.instances.lock().await.iter_mut() {
                if let Err(error) = ampsync.check() {
                    return error;
                }
                if let Some(line) = ampsync.logged(&["stopped for good"]) {
                    return anyhow!("a table has stopped for good: {line}");
                }
                if let Some(line) = ampsync.logged(&["a defect in this program"]) {
                    return anyhow!("a task has panicked: {line}");
                }
            }
        }
    }

    /// Ends whatever a fault may have left behind.
    pub(super) async fn calm(&self) -> Result<()> {
        self.database.withdraw();
        for proxy in [&self.flight, &*self.database] {
            proxy.resume();
            proxy.accept();
            proxy.set_shape(Shape::default());
            proxy.garble(false);
        }
        self.with_sim(|sim| {
            sim.withdraw_faults();
            sim.update(Chain::follow);
            sim.mine(1);
        })
        .await;
        let running = self.instances.lock().await.len();
        if running != 1 {
            bail!("a fault has left {running} instances behind");
        }
        Ok(())
    }

    /// Asks ampsync to stop, and wants it to end well.
    pub(super) async fn stop(&self) -> Result<()> {
        for ampsync in self.instances.lock().await.iter_mut() {
            ampsync.check()?;
            ampsync.stop().await?;
        }
        Ok(())
    }

    /// Compares every table with the chain.
    pub(super) async fn compare(&self, client: &Client) -> Result<()> {
        stage::compare(&*self.sim.read().await, client).await
    }

    /// Adds a line to the log of what was done when.
    pub(super) fn note(&self, what: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let line = format!("{seconds:>7.1} {what}\n");
        let path = self.folder.path().join("faults.log");
        let mut log = fs::read_to_string(&path).unwrap_or_default();
        log.push_str(&line);
        // What cannot be noted is missing from a log that only a person reads.
        fs::write(&path, log).ok();
    }

    /// The ends of the logs.
    pub(super) async fn log_tails(&self) -> String {
        let faults = fs::read_to_string(self.folder.path().join("faults.log")).unwrap_or_default();
        let lines: Vec<&str> = faults.lines().collect();
        let faults = lines[lines.len().saturating_sub(8)..].join("\n");
        let instances = self.instances.lock().await;
        let log = instances.first().map(Ampsync::log_tail).unwrap_or_default();
        format!("the last faults:\n{faults}\n\nampsync's log ends:\n{log}")
    }

    /// Copies the logs to where they outlive the run, and says where that is.
    pub(super) fn keep_logs(&self) -> String {
        let kept = std::env::temp_dir().join(format!("ampsync-chaos-{:08x}", fastrand::u32(..)));
        fs::create_dir(&kept).ok();
        for name in ["ampsync.log", "faults.log"] {
            fs::copy(self.folder.path().join(name), kept.join(name)).ok();
        }
        kept.display().to_string()
    }
}
