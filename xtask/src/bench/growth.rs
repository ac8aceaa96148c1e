//! What stays the same however long it goes on: the cost of a row, and memory.

use anyhow::Result;
use nozzle_sim::LoadConfig;
use tokio::time::Instant;

use super::figure::{Figures, Target};
use super::world::{Follower, World};
use super::{process, psql};

/// Where the cost of a row is taken, in millions of rows, over the last million.
const MILLIONS: [u32; 3] = [1, 5, 20];
/// An hour of a chain with a block a second.
const HOUR: u32 = 3600;

pub(super) async fn measure(world: &World) -> Result<Figures> {
    let mut figures = Figures::default();
    cost(world, &mut figures).await?;
    memory(world, &mut figures).await?;
    Ok(figures)
}

async fn cost(world: &World, figures: &mut Figures) -> Result<()> {
    let (server, million) =
        (world.serve(0).await?, world.scaled(1_000_000 / LoadConfig::ROWS_PER_BLOCK));
    let mut follower = world.follow(&server).await?;
    follower.opens(&server, 1).await?;
    let mut loaded = 0;
    for at in MILLIONS {
        if at - 1 > loaded {
            server.mine(million * u64::from(at - 1 - loaded));
            follower.reaches_head(&server, 1).await?;
        }
        // What the millions before have left to be written to disk is not this one's cost.
        follower.session.batch_execute("CHECKPOINT").await?;
        let begun = Instant::now();
        server.mine(million);
        follower.reaches_head(&server, 1).await?;
        let rows = f64::from(u32::try_from(million)? * LoadConfig::ROWS_PER_BLOCK);
        figures.take(&ours(at), "µs", begun.elapsed().as_secs_f64() / rows * 1e6);
        let took = copy(world, &follower, at - loaded).await?;
        figures.take(&theirs(at), "µs", took / rows * 1e6);
        loaded = at;
    }
    world.tidy(follower).await?;
    let grown = |name: fn(u32) -> String, figures: &Figures| {
        figures.median(&name(20)).zip(figures.median(&name(1))).map(|(large, small)| large / small)
    };
    if let Some((ours, theirs)) = grown(ours, figures).zip(grown(theirs, figures)) {
        figures.take("a row at 20 M rows, of 1 M rows", "", ours);
        figures.take("COPY at 20 M rows, of 1 M rows", "", theirs);
        figures.want("a row at 20 M rows, of 1 M rows", Target::AtMost(1.10));
    }
    Ok(())
}

fn ours(at: u32) -> String {
    format!("a row at {at} M rows")
}

fn theirs(at: u32) -> String {
    format!("COPY of a row at {at} M rows")
}

/// How long PostgreSQL's own COPY of the first million takes, in seconds, the last of `times` times, into a table
/// that grows as ours does and has no index. What it costs more than before is the machine's.
async fn copy(world: &World, follower: &Follower, times: u32) -> Result<f64> {
    let (database, file) = (&follower.database, world.folder().join("growth.copy"));
    if !file.exists() {
        psql::unload(world, database, "logs", &file).await?;
    }
    follower.session.batch_execute("CREATE TABLE IF NOT EXISTS beside (LIKE logs)").await?;
    for _ in 1..times {
        psql::load(world, database, "beside", &file).await?;
    }
    follower.session.batch_execute("CHECKPOINT").await?;
    let took = psql::load(world, database, "beside", &file).await?;
    Ok(took.as_secs_f64())
}

async fn memory(world: &World, figures: &mut Figures) -> Result<()> {
    let server = world.serve(1).await?;
    let mut follower = world.follow(&server).await?;
    follower.opens(&server, 1).await?;
    let blocks = world.scaled(HOUR);
    for (name, blocks) in [("after a minute", blocks / 60), ("after an hour", blocks)] {
        for _ in 0..blocks {
            server.mine(1);
            follower.reaches_head(&server, 1).await?;
        }
        let (memory, _) = process::memory(follower.pid()?)?;
        figures.take(&format!("memory {name} at the head"), "MB", memory);
    }
    world.tidy(follower).await
}
