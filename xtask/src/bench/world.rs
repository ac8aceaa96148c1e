//! What every measurement needs: a PostgreSQL as people run it, and ampsync following a server.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampsync_testkit::postgres::{Cluster, Session};
use anyhow::{Context, Result, bail};
use nozzle_sim::{LoadConfig, LoadServer, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::elsewhere::Elsewhere;
use super::process;
use crate::stage::{Ampsync, Told};

/// As in production, with room for what is loaded. Nothing happens in the background that would
/// come now in one measurement and now in the other.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "1GB"),
    ("max_wal_size", "16GB"),
    ("min_wal_size", "8GB"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum", "off"),
];

const POLL: Duration = Duration::from_millis(5);
/// How often ampsync is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// How long nothing may happen before a measurement has failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// PostgreSQL, and how measurements are taken.
#[derive(Debug)]
pub(super) struct World {
    pub(super) rounds: u32,
    pub(super) scale: f64,
    pub(super) cluster: Cluster,
    program: PathBuf,
    folder: TempDir,
    /// Where servers run.
    elsewhere: Elsewhere,
}

impl World {
    pub(super) async fn create(program: PathBuf, rounds: u32, scale: f64) -> Result<Self> {
        let cluster = Cluster::start_with(SETTINGS).await?;
        let folder = tempfile::tempdir().context("could not make a temporary folder")?;
        let elsewhere = Elsewhere::start()?;
        let world = Self { rounds, scale, cluster, program, folder, elsewhere };
        world.warm_up().await?;
        Ok(world)
    }

    /// Fills files of the write-ahead log, which are used again from then on. Whoever is measured
    /// first would otherwise have to make them.
    async fn warm_up(&self) -> Result<()> {
        let session = self.cluster.connect("postgres").await.context("could not connect")?;
        let rows = self.scaled(4_000_000);
        let fill = format!(
            "CREATE TABLE warm_up AS SELECT n, repeat('x', 500) FROM generate_series(1, {rows}) n"
        );
        for statement in [&fill, "DROP TABLE warm_up", "CHECKPOINT"] {
            session.batch_execute(statement).await.context("could not warm up")?;
        }
        Ok(())
    }

    /// So many, in the scale that was asked for.
    pub(super) fn scaled(&self, count: u32) -> u64 {
        let scaled = (f64::from(count) * self.scale).round().clamp(1.0, 1e9);
        format!("{scaled:.0}").parse().unwrap_or(1)
    }

    pub(super) fn settings(&self) -> Value {
        SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    }

    /// Where files may be put until the end.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a server with so many blocks of logs.
    pub(super) async fn serve(&self, blocks: u64) -> Result<LoadServer> {
        self.serve_as(LoadConfig { blocks, ..LoadConfig::default() }).await
    }

    /// Starts a server.
    pub(super) async fn serve_as(&self, config: LoadConfig) -> Result<LoadServer> {
        let server = self.elsewhere.runtime()?.spawn(LoadServer::start(config));
        server.await?.context("could not start the server")
    }

    /// Starts an ampsync that follows `server` into an empty database.
    pub(super) async fn follow(&self, server: &LoadServer) -> Result<Follower> {
        let database = self.cluster.create_database().await?;
        self.follow_into(server, &database, self.cluster.addr()).await
    }

    /// Starts an ampsync that follows `server` into a database, which it reaches at `addr`.
    pub(super) async fn follow_into(
        &self,
        server: &LoadServer,
        database: &str,
        addr: SocketAddr,
    ) -> Result<Follower> {
        let session = self.cluster.connect(database).await.context("could not connect")?;
        let manifest = self.folder().join("nozzle.config.json");
        fs::write(&manifest, server.manifest_json()).context("could not write the config")?;
        let log = self.folder().join(format!("{database}.log"));
        let told = Told {
            manifest,
            endpoint: server.endpoint(),
            database_url: self.cluster.url_via(addr, database),
            more: vec![("LISTEN_ADDR", "off"), ("HEAD_PROBE", "off")],
        };
        let mut ampsync = Ampsync::new(self.program.clone(), log);
        ampsync.start(&told)?;
        Ok(Follower { ampsync, told, session, database: database.to_owned() })
    }

    /// CPU seconds of PostgreSQL so far.
    pub(super) fn postgres_cpu(&self) -> Result<f64> {
        process::tree_cpu_seconds(self.cluster.pid().context("PostgreSQL is stopped")?)
    }

    /// Removes a database and writes everything to disk, so that the next measurement begins as
    /// this one did.
    pub(super) async fn tidy(&self, follower: Follower) -> Result<()> {
        let Follower { mut ampsync, session, database, .. } = follower;
        ampsync.stop().await?;
        drop(session);
        let admin = self.cluster.connect("postgres").await.context("could not connect")?;
        admin.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await?;
        admin.batch_execute("CHECKPOINT").await?;
        Ok(())
    }
}

/// An ampsync at work.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) ampsync: Ampsync,
    told: Told,
    pub(super) session: Session,
    pub(super) database: String,
}

impl Follower {
    /// Its process.
    pub(super) fn pid(&self) -> Result<u32> {
        self.ampsync.id().context("ampsync has ended")
    }

    /// Starts it again.
    pub(super) fn start(&mut self) -> Result<()> {
        self.ampsync.start(&self.told)
    }

    /// Returns when it has opened `streams` streams.
    pub(super) async fn opens(&mut self, server: &LoadServer, streams: usize) -> Result<()> {
        let gets = |requests: &Vec<nozzle_sim::Request>| {
            requests.iter().filter(|request| request.method == Method::DoGet).count() >= streams
        };
        let begun = Instant::now();
        while timeout(LOOK, server.requests_reach(gets)).await.is_err() {
            self.ampsync.check()?;
            if begun.elapsed() > PATIENCE {
                bail!("no stream was opened:\n{}", self.ampsync.log_tail());
            }
        }
        Ok(())
    }

    /// Returns when `tables` tables have the head of `server`.
    pub(super) async fn reaches_head(&mut self, server: &LoadServer, tables: i64) -> Result<()> {
        let Some((number, hash)) = server.head() else { return Ok(()) };
        let there = "SELECT count(*) = $1 FROM ampsync.checkpoints \
                     WHERE cursor_block = $2 AND cursor_hash = $3";
        let there = self.session.prepare(there).await?;
        let number = i64::try_from(number)?;
        let begun = Instant::now();
        let mut looked = 0_u32;
        loop {
            let row = self.session.query_one(&there, &[&tables, &number, &hash.as_slice()]).await?;
            if row.try_get(0)? {
                return Ok(());
            }
            looked += 1;
            if looked.is_multiple_of(100) {
                self.ampsync.check()?;
            }
            if begun.elapsed() > PATIENCE {
                bail!("block {number} does not come:\n{}", self.ampsync.log_tail());
            }
            sleep(POLL).await;
        }
    }
}
