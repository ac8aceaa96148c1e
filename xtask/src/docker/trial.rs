//! What the images have to go through: the demo's compose file is brought up, its network cut, its
//! database stopped, ampsync killed; in the end the tables have to be equal to the chain.

use std::time::{Duration, Instant};

use ampsync_testkit::postgres::{Session, connect};
use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;
use tokio_postgres::Config;

use super::chain::Chain;
use super::engine::{ask, docker, logs};
use super::project::Project;
use crate::stage;

const POLL: Duration = Duration::from_millis(200);
/// How long what is waited for may take.
const PATIENCE: Duration = Duration::from_secs(150);
/// How many steps the chain grows by while something is away.
const OUTAGE_STEPS: u64 = 20;
const STOP_MAX: Duration = Duration::from_secs(10);

/// What runs, by container.
struct World {
    project: Project,
    ampsync: String,
    postgres: String,
    chain: Chain,
    begun: Instant,
}

/// Puts the running demo on trial.
pub(super) async fn run(project: Project) -> Result<()> {
    let ampsync = project.container("ampsync")?;
    let postgres = project.container("postgres")?;
    let chain = Chain::new(project.container("nozzle")?);
    let world = World { project, ampsync, postgres, chain, begun: Instant::now() };
    let outcome = Box::pin(world.story()).await;
    if outcome.is_err() {
        let logs = logs(&world.ampsync).await.unwrap_or_default();
        let lines: Vec<&str> = logs.lines().collect();
        eprintln!("ampsync's log ends:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
    }
    outcome
}

impl World {
    async fn story(&self) -> Result<()> {
        self.goes_on("it has started").await?;
        self.healthy().await?;
        self.is_ready(true).await?;
        self.confined().await?;

        let network = self.project.network("database");
        self.say("its network to PostgreSQL is cut");
        ask(docker(&["network", "disconnect", &network, &self.ampsync])).await?;
        self.stands_still().await?;
        ask(docker(&["network", "connect", &network, &self.ampsync])).await?;
        self.goes_on("the network is back").await?;
        self.is_ready(true).await?;

        self.say("PostgreSQL is stopped");
        ask(docker(&["stop", "--time", "60", &self.postgres])).await?;
        self.grows(OUTAGE_STEPS).await?;
        self.is_ready(false).await?;
        ask(docker(&["start", &self.postgres])).await?;
        self.goes_on("PostgreSQL is back").await?;
        self.is_ready(true).await?;

        self.say("ampsync is killed");
        ask(docker(&["kill", "--signal", "KILL", &self.ampsync])).await?;
        self.stands_still().await?;
        ask(docker(&["start", &self.ampsync])).await?;
        self.goes_on("ampsync is back").await?;
        self.healthy().await?;

        self.chain.settle().await?;
        self.until("the chain settles", async || self.chain.is_settled().await).await?;
        let sim = self.chain.again().await?;
        let head = stage::head(&sim.chain());
        self.until("every table is at the head", async || {
            let session = self.session().await?;
            let states = stage::read(&session).await.context("the tables cannot be read")?;
            let tables = stage::table_names(&sim);
            let cursor = |table| states.get(table).and_then(|state| state.cursor.clone());
            Ok(tables.iter().all(|table| cursor(table) == head))
        })
        .await?;
        self.stops().await?;
        stage::compare(&sim, &*self.session().await?).await
    }

    /// Ends when told to: in time, and with exit code 0.
    async fn stops(&self) -> Result<()> {
        let start = Instant::now();
        ask(docker(&["stop", "--time", "30", &self.ampsync])).await?;
        let took = start.elapsed();
        let state = self.inspect(&self.ampsync, "{{.State.Status}} {{.State.ExitCode}}").await?;
        ensure!(state == "exited 0", "ampsync was told to stop and is now: {state}");
        ensure!(took < STOP_MAX, "ampsync took {:.1} s to stop", took.as_secs_f64());
        self.say(&format!("ampsync stopped in {:.1} s with exit code 0", took.as_secs_f64()));
        Ok(())
    }

    /// It runs as nobody of importance and cannot write a file.
    async fn confined(&self) -> Result<()> {
        let users = ask(docker(&["top", &self.ampsync, "-eo", "pid,uid"])).await?;
        let users = users.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1));
        let users: Vec<&str> = users.collect();
        ensure!(!users.is_empty() && users.iter().all(|user| *user == "65532"), "uids: {users:?}");
        let format = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}";
        let found = self.inspect(&self.ampsync, format).await?;
        ensure!(found == "true [ALL]", "read-only, capabilities dropped: {found}");
        let shell = ask(docker(&["exec", &self.ampsync, "/bin/sh", "-c", "true"])).await;
        ensure!(shell.is_err(), "there is a shell");
        Ok(())
    }

    /// Waits until the engine calls ampsync healthy, by the image's own check.
    async fn healthy(&self) -> Result<()> {
        self.until("ampsync is healthy", async || {
            Ok(self.inspect(&self.ampsync, "{{.State.Health.Status}}").await? == "healthy")
        })
        .await?;
        self.say("ampsync is healthy");
        Ok(())
    }

    /// Waits until it says that its tables are kept in step, or that they are not.
    async fn is_ready(&self, ready: bool) -> Result<()> {
        let check = ["exec", &self.ampsync, "/usr/local/bin/ampsync", "healthcheck", "--ready"];
        self.until(if ready { "it is ready" } else { "it is not ready" }, async || {
            Ok(ask(docker(&check)).await.is_ok() == ready)
        })
        .await
    }

    /// Waits until every table is beyond where the chain is now.
    async fn goes_on(&self, since: &str) -> Result<()> {
        self.grows(1).await?;
        let head = self.chain.head().await?;
        let start = Instant::now();
        self.until("every table goes on", async || {
            let Ok(lowest) = self.lowest().await else { return Ok(false) };
            Ok(lowest.is_some_and(|lowest| lowest >= head))
        })
        .await?;
        let took = start.elapsed().as_secs_f64();
        self.say(&format!("{since}: every table is at block {head} after {took:.1} s"));
        Ok(())
    }

    /// Lets the chain grow, and wants no table to follow.
    async fn stands_still(&self) -> Result<()> {
        // What was already on its way is let through.
        self.grows(2).await?;
        let before = self.lowest().await?;
        self.grows(OUTAGE_STEPS).await?;
        let after = self.lowest().await?;
        ensure!(before == after, "the outage was none: {before:?} became {after:?}");
        Ok(())
    }

    /// Waits for so many steps of the chain.
    async fn grows(&self, steps: u64) -> Result<()> {
        let (before, _) = self.chain.grown().await?;
        let grown = async || Ok(self.chain.grown().await?.0 >= before + steps);
        self.until("the chain grows", grown).await
    }

    /// The lowest cursor of all tables, if every one has any.
    async fn lowest(&self) -> Result<Option<i64>> {
        let session = self.session().await?;
        let states = stage::read(&session).await.context("the tables cannot be read")?;
        let cursors = states.values().map(|state| state.cursor.as_ref().map(|(block, _)| *block));
        let all: Option<Vec<i64>> = cursors.collect();
        Ok(all.filter(|all| all.len() == 4).and_then(|all| all.into_iter().min()))
    }

    /// Connects to the database by the port it has just now.
    async fn session(&self) -> Result<Session> {
        let published = ask(docker(&["port", &self.postgres, "5432/tcp"])).await?;
        let port = published.lines().next().and_then(|line| line.rsplit(':').next());
        let port = port.context("PostgreSQL has no port")?.parse().context("no port")?;
        let password = include_str!("../../../docker/demo/database_password").trim_end();
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("ampsync").dbname("app").password(password);
        config.connect_timeout(Duration::from_secs(5));
        connect(&config).await.context("could not connect to PostgreSQL")
    }

    async fn inspect(&self, container: &str, format: &str) -> Result<String> {
        ask(docker(&["inspect", "--format", format, container])).await
    }

    /// Waits until it holds. Fails when ampsync is started again and again.
    async fn until(&self, what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !holds().await? {
            let restarts = self.inspect(&self.ampsync, "{{.RestartCount}}").await?;
            ensure!(restarts == "0", "ampsync ended by itself, {restarts} times");
            if start.elapsed() > PATIENCE {
                bail!("waited {} s: {what}", PATIENCE.as_secs());
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    fn say(&self, what: &str) {
        println!("{:>6.1} s  {what}", self.begun.elapsed().as_secs_f64());
    }
}
