//! Kills aimed at what passes on the wire.

use std::time::Duration;

use ampsync_testkit::proxy::{Fault, Moment, Struck};
use anyhow::Result;
use fastrand::Rng;
use tokio::time::timeout;

use super::super::world::World;
use super::{comes_true, process};

/// How long a fault waits for its moment.
const WAIT: Duration = Duration::from_secs(10);
/// How often in a row recovery itself is killed.
const DEPTH_MAX: u64 = 4;

pub(in super::super) const BEGIN: Fault =
    Fault::StallAt(Moment::Statement { begins: "BEGIN", contains: "UPDATE ampsync.checkpoints" });
pub(in super::super) const RETRACT: Fault =
    Fault::StallAt(Moment::Statement { begins: "BEGIN", contains: "; DELETE FROM" });
pub(in super::super) const COPY_END: Fault = Fault::StallAt(Moment::CopyEnd);
pub(in super::super) const COMMIT: Fault = Fault::StallAt(Moment::Commit);
pub(in super::super) const ANSWER: Fault = Fault::StallCommitReply;
pub(in super::super) const CLEANUP: Fault = Fault::StallAt(Moment::Statement {
    begins: "SET LOCAL enable_seqscan",
    contains: "DELETE FROM",
});
pub(in super::super) const PREPARE: Fault =
    Fault::StallAt(Moment::Statement { begins: "BEGIN", contains: "lock_timeout" });

/// Kills the process at a moment, while the message of the moment is in the proxy's hands.
pub(in super::super) async fn kill(world: &World, mut random: Rng, at: Fault) -> Result<bool> {
    let struck = world.database.inject(at);
    provoke(world, &mut random).await;
    if !strikes(world, struck, WAIT).await {
        return Ok(false);
    }
    kill_now(world, &mut random).await?;
    Ok(true)
}

pub(in super::super) async fn kill_in_copy(
    world: &World,
    mut random: Rng,
    bytes: u64,
) -> Result<bool> {
    let bytes = random.u64(bytes..=2 * bytes);
    kill(world, random, Fault::StallAfterCopyBytes(bytes)).await
}

/// Kills the process while it recovers from having been killed, and again.
pub(in super::super) async fn kill_recovery(
    world: &World,
    mut random: Rng,
    at: Fault,
) -> Result<bool> {
    // Long ranges are written ahead of their end, and only then is there something to clean up.
    world.with_sim(|sim| sim.mine(120)).await;
    let commits = world.database.commits() + random.u64(1..4);
    comes_true(WAIT, || world.database.commits() >= commits).await;
    let mut ampsync = process::the_one(world).await?;
    ampsync.kill().await?;
    let mut deaths = 0;
    for _ in 0..random.u64(1..=DEPTH_MAX) {
        let struck = world.database.inject(at);
        world.start(&mut ampsync)?;
        if !strikes(world, struck, Duration::from_secs(4)).await {
            break;
        }
        ampsync.kill().await?;
        let_go(world, &mut random);
        deaths += 1;
    }
    if !ampsync.is_running() {
        world.start(&mut ampsync)?;
    }
    Ok(deaths > 0)
}

/// Gives ampsync something to write.
pub(super) async fn provoke(world: &World, random: &mut Rng) {
    world
        .with_sim(|sim| {
            sim.mine(random.u64(1..40));
            let depth = random.u64(1..8);
            if world.may_reorg() {
                sim.reorg(depth);
            }
        })
        .await;
}

/// Waits until the fault strikes; takes it back if it does not.
pub(super) async fn strikes(world: &World, struck: Struck, limit: Duration) -> bool {
    let has_struck = timeout(limit, struck).await.is_ok();
    if !has_struck {
        world.database.withdraw();
        // It may have struck while it was taken back.
        world.database.resume();
    }
    has_struck
}

async fn kill_now(world: &World, random: &mut Rng) -> Result<()> {
    let mut ampsync = process::the_one(world).await?;
    ampsync.kill().await?;
    let_go(world, random);
    world.start(&mut ampsync)
}

/// Ends a stall after a kill: what was held is lost, or arrives all the same.
fn let_go(world: &World, random: &mut Rng) {
    if random.bool() {
        world.database.cut();
    }
    world.database.resume();
}
