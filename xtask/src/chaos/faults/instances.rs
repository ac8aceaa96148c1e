//! Several instances on one database.

use std::time::Duration;

use ampsync_testkit::postgres::Session;
use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::super::world::{DATABASE, ROLE, World};
use super::{POLL, hold, process};

/// How long another instance may take to write after the writer is gone. It takes a second or two
/// (`cargo xtask bench takeover`); a machine with other work may take longer.
const TAKEOVER_WITHIN: Duration = Duration::from_secs(120);

/// The sum of the versions of all checkpoints: it grows with every commit.
async fn versions(session: &Session) -> Result<i64> {
    let query = "SELECT sum(version)::bigint FROM ampsync.checkpoints";
    Ok(session.query_one(query, &[]).await?.try_get(0)?)
}

/// Mines until somebody commits.
async fn somebody_writes(world: &World) -> Result<()> {
    let session = world.admin().await?;
    let (before, deadline) = (versions(&session).await?, Instant::now() + TAKEOVER_WITHIN);
    while versions(&session).await? <= before + 3 {
        let seconds = TAKEOVER_WITHIN.as_secs();
        ensure!(Instant::now() < deadline, "nobody has taken over for {seconds} s");
        world.with_sim(|sim| sim.mine(1)).await;
        sleep(5 * POLL).await;
    }
    Ok(())
}

/// Wants the thawed writer to say that it is none any longer, in what was logged from `begins` on.
async fn says_so(world: &World, begins: u64) -> Result<()> {
    const FENCED: &[&str] = &[
        "the right to write the table was lost",
        "another writer has moved the table's checkpoint",
        "another instance writes this table",
    ];
    let deadline = Instant::now() + TAKEOVER_WITHIN;
    loop {
        let log = process::the_one(world).await?.log_from(begins);
        if FENCED.iter().any(|text| log.contains(text)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the thawed writer does not say that it was fenced");
        world.with_sim(|sim| sim.mine(1)).await;
        sleep(5 * POLL).await;
    }
}

pub(in super::super) async fn takeover(world: &World, mut random: Rng) -> Result<bool> {
    drop(process::the_one(world).await?);
    let others = random.usize(1..5);
    for _ in 0..others {
        let other = world.new_instance()?;
        world.instances.lock().await.push(other);
    }
    hold(&mut random, 300..2_000).await;
    for _ in 0..others {
        let killed = {
            let mut instances = world.instances.lock().await;
            // Mostly the oldest, which is the writer.
            let index = if random.u8(0..3) > 0 { 0 } else { random.usize(0..instances.len()) };
            instances.remove(index)
        };
        let mut killed = killed;
        killed.check()?;
        killed.kill().await?;
        hold(&mut random, 0..500).await;
    }
    let last_kill = Instant::now();
    somebody_writes(world).await?;
    println!("note: commits go on {} ms after the last kill", last_kill.elapsed().as_millis());
    Ok(true)
}

pub(in super::super) async fn frozen_writer(world: &World, mut random: Rng) -> Result<bool> {
    drop(process::the_one(world).await?);
    somebody_writes(world).await?;
    let other = world.new_instance()?;
    world.instances.lock().await.push(other);
    hold(&mut random, 500..1_500).await;
    process::the_one(world).await?.signal(Signal::STOP)?;
    // What keep-alives do to a machine that is gone.
    let session = world.admin().await?;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE usename = $1 AND datname = $2";
    let ended: i64 = session.query_one(end, &[&ROLE, &DATABASE]).await?.try_get(0)?;
    somebody_writes(world).await?;
    let thaws = process::the_one(world).await?.log_end();
    process::the_one(world).await?.signal(Signal::CONT)?;
    says_so(world, thaws).await?;
    hold(&mut random, 0..2_000).await;
    let mut instances = world.instances.lock().await;
    let index = random.usize(0..2);
    let mut leaves = instances.remove(index);
    leaves.check().context("one of two instances")?;
    leaves.kill().await?;
    Ok(ended > 0)
}
