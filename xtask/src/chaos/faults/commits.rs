//! What happens to a COMMIT, and to the COPY before it.

use std::time::Duration;

use ampsync_testkit::proxy::{Fault, Moment};
use anyhow::Result;
use fastrand::Rng;

use super::super::world::World;
use super::hold;
use super::points::{self, provoke, strikes};

const WAIT: Duration = Duration::from_secs(10);

/// What PostgreSQL may refuse a statement with, now and then.
const STATES: &[&str] = &[
    "40001", "40P01", "55P03", "57014", "53100", "53200", "53400", "58030", "25006", "25P03",
    "08006", "0A000", "XX000", "XX001", "72000", "F0000", "P0001", "54001",
];

async fn meets(world: &World, mut random: Rng, fault: Fault) -> Result<bool> {
    let struck = world.database.inject(fault);
    provoke(world, &mut random).await;
    Ok(strikes(world, struck, WAIT).await)
}

pub(in super::super) async fn reply_lost(world: &World, random: Rng) -> Result<bool> {
    meets(world, random, Fault::DropCommitReply).await
}

pub(in super::super) async fn never_sent(world: &World, random: Rng) -> Result<bool> {
    meets(world, random, Fault::NeverForwardCommit).await
}

pub(in super::super) async fn reply_hangs(world: &World, mut random: Rng) -> Result<bool> {
    let struck = meets(world, random.fork(), Fault::StallCommitReply).await?;
    if struck {
        hold(&mut random, 0..2_000).await;
        world.database.cut();
    }
    world.database.resume();
    Ok(struck)
}

pub(in super::super) async fn copy_cut(world: &World, mut random: Rng) -> Result<bool> {
    let bytes = random.u64(1..6_000);
    meets(world, random, Fault::CutAfterCopyBytes(bytes)).await
}

pub(in super::super) async fn refused(world: &World, mut random: Rng) -> Result<bool> {
    let Fault::StallAt(begin) = points::BEGIN else { return Ok(false) };
    let mut struck = false;
    // A few in a row, so that sometimes one write is refused more often than it is tried.
    for _ in 0..random.u64(1..8) {
        let moment = if random.bool() { begin } else { Moment::Commit };
        let state = STATES.get(random.usize(0..STATES.len())).copied().unwrap_or("XX000");
        struck |= meets(world, random.fork(), Fault::Refuse(moment, state)).await?;
    }
    Ok(struck)
}
