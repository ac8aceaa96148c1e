//! What the server says that is not so.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use nozzle_sim::{Fault, Lie};
use tokio::time::timeout;

use super::super::verdict;
use super::super::world::World;
use super::{POLL, hold};

/// How long a lie waits for a range that it can be told of.
const WAIT: Duration = Duration::from_secs(10);

/// Tells the lie once, of a table that has rows in every block.
pub(in super::super) async fn tell(world: &World, mut random: Rng, lie: Lie) -> Result<bool> {
    let table = if random.bool() { "blocks" } else { "transactions" };
    for _ in 0..random.u8(1..4) {
        world.with_sim(|sim| sim.inject_for(table, Fault::Lie(lie))).await;
    }
    world.with_sim(|sim| sim.mine(random.u64(2..30))).await;
    taken(world, &mut random).await
}

/// Lets ranges begin elsewhere than they do, while no reorg is under way: about the base of one,
/// inside of a range whose inner hashes nobody knows, only the server knows the truth.
pub(in super::super) async fn misplaced(world: &World, random: Rng, lie: Lie) -> Result<bool> {
    world.set_quiet(true);
    let settled = timeout(WAIT, verdict::caught_up(world)).await.is_ok();
    let struck = if settled { tell(world, random, lie).await } else { Ok(false) };
    world.set_quiet(false);
    struck
}

/// The next streams start at the first block, whatever the tables have.
pub(in super::super) async fn ignored_cursor(world: &World, mut random: Rng) -> Result<bool> {
    let table = if random.bool() { "logs" } else { "sparse" };
    world
        .with_sim(|sim| {
            sim.inject_for(table, Fault::IgnoreCursor);
            sim.drop_connections();
        })
        .await;
    taken(world, &mut random).await
}

/// Waits until the server has given away all that was injected; takes back what it has not.
pub(super) async fn taken(world: &World, random: &mut Rng) -> Result<bool> {
    let injected = world.with_sim(nozzle_sim::SimServer::faults_left).await;
    let deadline = tokio::time::Instant::now() + WAIT;
    while world.with_sim(nozzle_sim::SimServer::faults_left).await > 0
        && tokio::time::Instant::now() < deadline
    {
        tokio::time::sleep(POLL).await;
    }
    let left = world.with_sim(nozzle_sim::SimServer::withdraw_faults).await;
    hold(random, 0..200).await;
    Ok(left < injected.max(1))
}
