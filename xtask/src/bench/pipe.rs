//! Catching up: a table from its first block to the head, beside PostgreSQL's COPY of the very
//! same bytes into an identical table.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use nozzle_sim::{LoadConfig, Table};
use tokio::time::Instant;

use super::figure::{Figures, Target};
use super::process;
use super::psql;
use super::world::{Follower, World};

/// How many rows a block has.
const LOGS: u32 = LoadConfig::ROWS_PER_BLOCK;
const TRANSACTIONS: u32 = 150;
/// How many rows are loaded.
const ROWS: u32 = 2_000_000;

/// Some tables that are loaded at once.
struct Load {
    name: &'static str,
    tables: Vec<Table>,
    rows_per_block: u32,
    ratio: Option<f64>,
    memory: Option<f64>,
    cpu: Option<f64>,
}

pub(super) async fn measure(world: &World) -> Result<Figures> {
    let logs = || Table::logs().with_rows_per_block(LOGS..=LOGS);
    let transactions = Table::transactions().with_rows_per_block(TRANSACTIONS..=TRANSACTIONS);
    let four = ["logs_a", "logs_b", "logs_c", "logs_d"].map(|name| logs().named(name));
    let loads = [
        Load {
            name: "logs",
            tables: vec![logs()],
            rows_per_block: LOGS,
            ratio: Some(0.95),
            memory: Some(96.0),
            cpu: Some(0.35),
        },
        Load {
            name: "transactions",
            tables: vec![transactions],
            rows_per_block: TRANSACTIONS,
            ratio: Some(0.85),
            memory: None,
            cpu: None,
        },
        Load {
            name: "four tables",
            tables: four.into(),
            rows_per_block: LOGS,
            ratio: None,
            memory: Some(160.0),
            cpu: None,
        },
    ];
    let mut figures = Figures::default();
    for load in &loads {
        for _ in 0..world.rounds {
            round(world, load, &mut figures).await?;
        }
        let want = |figures: &mut Figures, what: &str, target: Option<Target>| {
            target.into_iter().for_each(|target| figures.want(&load.figure(what), target));
        };
        want(&mut figures, "of COPY's speed", load.ratio.map(Target::AtLeast));
        want(&mut figures, "peak memory", load.memory.map(Target::AtMost));
        want(&mut figures, "CPU of PostgreSQL's", load.cpu.map(Target::AtMost));
    }
    Ok(figures)
}

impl Load {
    fn figure(&self, what: &str) -> String {
        format!("{}: {what}", self.name)
    }
}

async fn round(world: &World, load: &Load, figures: &mut Figures) -> Result<()> {
    let tables = u32::try_from(load.tables.len())?;
    let blocks = world.scaled(ROWS / load.rows_per_block / tables);
    let config = LoadConfig { tables: load.tables.clone(), blocks, ..LoadConfig::default() };
    let server = world.serve_as(config).await?;
    let cpu_before = world.postgres_cpu()?;
    let mut follower = world.follow(&server).await?;
    follower.opens(&server, load.tables.len()).await?;
    let begun = Instant::now();
    follower.reaches_head(&server, tables.into()).await?;
    let took = begun.elapsed();
    let postgres = world.postgres_cpu()? - cpu_before;
    let ampsync = process::cpu_seconds(follower.pid()?)?;
    let (_, peak) = process::memory(follower.pid()?)?;
    let (rows, copy) = copies(world, load, &follower).await?;
    ensure!(
        rows == f64::from(u32::try_from(blocks)? * load.rows_per_block * tables),
        "rows are missing"
    );
    world.tidy(follower).await?;
    let mut take = |what: &str, unit, value| figures.take(&load.figure(what), unit, value);
    take("ampsync", "k rows/s", rows / took.as_secs_f64() / 1e3);
    take("COPY", "k rows/s", rows / copy.as_secs_f64() / 1e3);
    take("of COPY's speed", "", copy.as_secs_f64() / took.as_secs_f64());
    take("CPU of ampsync", "s", ampsync);
    take("CPU of PostgreSQL", "s", postgres);
    take("CPU of PostgreSQL's", "", ampsync / postgres);
    take("peak memory", "MB", peak);
    Ok(())
}

/// Has PostgreSQL copy what was loaded, all tables at once. Returns how many rows there were, and
/// how long it took.
async fn copies(world: &World, load: &Load, follower: &Follower) -> Result<(f64, Duration)> {
    let mut copied = 0.0;
    let mut files = Vec::new();
    for table in &load.tables {
        let name = table.name();
        let make = format!("CREATE TABLE copy_of_{name} (LIKE {name} INCLUDING ALL)");
        follower.session.batch_execute(&make).await?;
        let count = format!("SELECT count(*)::float8 FROM {name}");
        copied += follower.session.query_one(&count, &[]).await?.try_get::<_, f64>(0)?;
        let file = world.folder().join(format!("{name}.copy"));
        psql::unload(world, &follower.database, name, &file).await?;
        files.push((format!("copy_of_{name}"), file));
    }
    follower.session.batch_execute("CHECKPOINT").await?;
    let loads =
        files.iter().map(|(table, file)| psql::load(world, &follower.database, table, file));
    let times = try_join_all(loads).await?;
    for (_, file) in &files {
        std::fs::remove_file(file).context("could not remove a file")?;
    }
    Ok((copied, times.into_iter().max().unwrap_or_default()))
}
