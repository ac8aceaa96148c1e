//! Everything that runs during a demo.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ampsync_testkit::postgres::{Cluster, Session};
use anyhow::{Context, Result, bail};
use nozzle_sim::{SimConfig, SimServer};
use tempfile::TempDir;
use tokio::time::sleep;

use super::watch::Watch;
use crate::stage::{self, Ampsync, Told, table_names};

const DATABASE: &str = "demo";
const POLL: Duration = Duration::from_millis(100);
/// How long nothing at all may change before the demo has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a look at a working ampsync takes.
const LOOK: Duration = Duration::from_millis(300);
/// How long a block takes when the demo is kept running.
const BLOCK_TIME: Duration = Duration::from_secs(2);

/// Everything that runs. Dropping it ends all of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) sim: SimServer,
    pub(super) watch: Watch,
    /// For looking into the database. Dropped, and the connection with it, before the cluster.
    pub(super) session: Session,
    ampsync: Ampsync,
    told: Told,
    cluster: Cluster,
    _folder: TempDir,
}

impl World {
    pub(super) async fn create(seed: u64, program: PathBuf) -> Result<Self> {
        let cluster = Cluster::start().await?;
        let admin = cluster.connect("postgres").await.context("could not connect")?;
        let create = format!("CREATE DATABASE {DATABASE}");
        admin.batch_execute(&create).await.context("could not create the database")?;
        let session = cluster.connect(DATABASE).await.context("could not connect")?;
        let config = SimConfig { seed, ..SimConfig::default() };
        let sim = SimServer::start(config).await.context("could not start the simulated server")?;
        let folder = tempfile::tempdir().context("could not make a temporary folder")?;
        let manifest = folder.path().join("nozzle.config.ts");
        fs::write(&manifest, sim.config_ts()).context("could not write the config")?;
        let log = folder.path().join("ampsync.log");
        let (endpoint, database_url) = (sim.endpoint(), cluster.url(DATABASE));
        let told = Told { manifest, endpoint, database_url, more: Vec::new() };
        let ampsync = Ampsync::new(program, log);
        let watch = Watch::new(table_names(&sim));
        Ok(Self { sim, watch, session, ampsync, told, cluster, _folder: folder })
    }

    /// How to look at the tables oneself.
    pub(super) fn psql(&self) -> String {
        format!("psql '{}'", self.cluster.url(DATABASE))
    }

    /// The names of the dataset's tables.
    pub(super) fn tables(&self) -> Vec<String> {
        table_names(&self.sim)
    }

    pub(super) fn start(&mut self) -> Result<()> {
        self.ampsync.start(&self.told)
    }

    pub(super) async fn kill(&mut self) -> Result<()> {
        self.ampsync.kill().await
    }

    pub(super) async fn stop(&mut self) -> Result<()> {
        self.ampsync.stop().await
    }

    /// Lets a moment pass.
    pub(super) async fn look(&mut self) -> Result<()> {
        let end = Instant::now() + LOOK;
        while Instant::now() < end {
            self.ampsync.check()?;
            let states = stage::read(&self.session).await.context("could not read the tables")?;
            let running = self.ampsync.is_running();
            self.watch.show(&states, self.head().as_ref(), running, false);
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until every table is at the head of the chain.
    pub(super) async fn catch_up(&mut self) -> Result<()> {
        let (mut last, mut changed) = (None, Instant::now());
        loop {
            self.ampsync.check()?;
            let states = stage::read(&self.session).await.context("could not read the tables")?;
            let head = self.head();
            let at_head = |table: &String| {
                states
                    .get(table)
                    .is_some_and(|state| state.cursor.is_some() && state.cursor == head)
            };
            let done = self.tables().iter().all(at_head);
            self.watch.show(&states, head.as_ref(), self.ampsync.is_running(), done);
            if done {
                return Ok(());
            }
            if last.as_ref() != Some(&states) {
                (last, changed) = (Some(states), Instant::now());
            }
            if changed.elapsed() > PATIENCE {
                let head = head.map_or(0, |(number, _)| number);
                bail!(
                    "no progress towards block {head} for {} s: {last:?}\nampsync's log ends:\n{}",
                    PATIENCE.as_secs(),
                    self.ampsync.log_tail(),
                );
            }
            sleep(POLL).await;
        }
    }

    /// Mines a block now and then; ends only when something fails.
    pub(super) async fn keep_going(&mut self) -> Result<()> {
        println!("\nA block every two seconds, until ctrl-c. Meanwhile:\n\n  {}\n", self.psql());
        loop {
            self.sim.mine(1);
            self.look().await?;
            sleep(BLOCK_TIME).await;
        }
    }

    fn head(&self) -> Option<(i64, String)> {
        stage::head(&self.sim.chain())
    }
}
