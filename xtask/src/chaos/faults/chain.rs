//! What happens to the chain.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use nozzle_sim::{BlockHash, Chain};
use tokio::time::sleep;

use super::super::world::{RETENTION, World};
use super::hold;

/// From this length on the chain grows slowly: every snapshot reads all of it.
const LENGTH_MAX: usize = 3_000;

/// Mines and reorganises, all the time.
pub(in super::super) async fn goes_on(world: &World, mut random: Rng) -> Infallible {
    loop {
        let long = world.chain().stored().len() > LENGTH_MAX;
        world
            .with_sim(|sim| {
                sim.mine(if long { 1 } else { random.u64(1..8) });
                if random.u8(0..3) == 0 {
                    sim.reorg(random.u64(1..6));
                }
            })
            .await;
        sleep(Duration::from_millis(random.u64(50..400))).await;
    }
}

async fn update(world: &World, change: impl FnOnce(&mut Chain)) {
    world.with_sim(|sim| sim.update(change)).await;
}

pub(in super::super) async fn deep(world: &World, mut random: Rng) -> Result<bool> {
    for _ in 0..random.u8(1..4) {
        update(world, |chain| chain.reorg(random.u64(10..60))).await;
        hold(&mut random, 0..300).await;
    }
    Ok(true)
}

pub(in super::super) async fn beyond(world: &World, mut random: Rng) -> Result<bool> {
    update(world, |chain| {
        chain.mine(20);
        chain.reorg(random.u64(RETENTION + 10..RETENTION + 80));
        if random.bool() {
            chain.forget_forks();
        }
    })
    .await;
    hold(&mut random, 0..500).await;
    Ok(true)
}

pub(in super::super) async fn nested(world: &World, mut random: Rng) -> Result<bool> {
    let mut depth = random.u64(20..50);
    while depth > 0 {
        update(world, |chain| chain.reorg_by(depth, depth + random.u64(1..3))).await;
        hold(&mut random, 0..60).await;
        depth = depth.saturating_sub(random.u64(1..10));
    }
    Ok(true)
}

pub(in super::super) async fn back(world: &World, mut random: Rng) -> Result<bool> {
    let Some(tip) = world.chain().head().map(|head| head.hash) else { return Ok(false) };
    update(world, |chain| chain.reorg(random.u64(1..30))).await;
    hold(&mut random, 0..500).await;
    let returns = |chain: &mut Chain, tip: &BlockHash| {
        let gone = chain.orphan(tip).is_some();
        if gone {
            chain.reorg_to(tip);
        }
        gone
    };
    let mut struck = false;
    update(world, |chain| struck = returns(chain, &tip)).await;
    Ok(struck)
}

pub(in super::super) async fn forgotten(world: &World, mut random: Rng) -> Result<bool> {
    update(world, |chain| {
        chain.reorg(random.u64(1..50));
        chain.forget_forks();
    })
    .await;
    hold(&mut random, 0..300).await;
    Ok(true)
}

pub(in super::super) async fn behind(world: &World, mut random: Rng) -> Result<bool> {
    update(world, |chain| {
        let head = chain.head().map_or(0, |head| head.number);
        chain.resync(head.checked_sub(random.u64(1..100)));
    })
    .await;
    world.with_sim(nozzle_sim::SimServer::drop_connections).await;
    hold(&mut random, 300..2_000).await;
    update(world, Chain::follow).await;
    Ok(true)
}
