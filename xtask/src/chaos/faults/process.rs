//! What happens to the process itself.

use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;
use rustix::process::Signal;
use tokio::time::sleep;

use super::super::world::World;
use super::hold;
use crate::stage::Ampsync;

/// The instance that runs while no other fault is at work.
pub(super) async fn the_one<'a>(
    world: &'a World,
) -> Result<tokio::sync::MappedMutexGuard<'a, Ampsync>> {
    let instances = world.instances.lock().await;
    let one = tokio::sync::MutexGuard::try_map(instances, |instances| instances.first_mut());
    let mut one = one.map_err(|_| anyhow::anyhow!("there is no instance"))?;
    one.check()?;
    ensure!(one.is_running(), "the instance does not run");
    Ok(one)
}

pub(in super::super) async fn kill(world: &World, mut random: Rng) -> Result<bool> {
    hold(&mut random, 0..400).await;
    let mut ampsync = the_one(world).await?;
    ampsync.kill().await?;
    if random.bool() {
        hold(&mut random, 0..1_000).await;
    }
    world.start(&mut ampsync)?;
    Ok(true)
}

pub(in super::super) async fn terminate(world: &World, mut random: Rng) -> Result<bool> {
    // Its exit code is judged too, so it has to be beyond its first steps.
    hold(&mut random, 500..1_500).await;
    let mut ampsync = the_one(world).await?;
    ampsync.stop().await?;
    world.start(&mut ampsync)?;
    Ok(true)
}

pub(in super::super) async fn freeze(world: &World, mut random: Rng) -> Result<bool> {
    hold(&mut random, 0..400).await;
    the_one(world).await?.signal(Signal::STOP)?;
    hold(&mut random, 100..3_000).await;
    the_one(world).await?.signal(Signal::CONT)?;
    Ok(true)
}

pub(in super::super) async fn reorg_offline(world: &World, mut random: Rng) -> Result<bool> {
    hold(&mut random, 0..400).await;
    if !world.may_reorg() {
        return Ok(false);
    }
    let mut ampsync = the_one(world).await?;
    ampsync.kill().await?;
    for _ in 0..random.u64(1..4) {
        world
            .with_sim(|sim| {
                sim.mine(random.u64(0..20));
                sim.reorg(random.u64(1..50));
                if random.u8(0..4) == 0 {
                    sim.forget_forks();
                }
            })
            .await;
    }
    sleep(Duration::from_millis(random.u64(0..200))).await;
    world.start(&mut ampsync)?;
    Ok(true)
}
