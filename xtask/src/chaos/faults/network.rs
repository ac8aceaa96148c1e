//! What happens to the network, on either side.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use ampsync_testkit::proxy::{Proxy, Shape};
use anyhow::Result;
use fastrand::Rng;

use super::super::world::World;
use super::points::provoke;
use super::{comes_true, hold};

/// Whose network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Side {
    Database,
    Server,
}

/// How long a client may take to come back.
const WAIT: Duration = Duration::from_secs(15);
/// How long it may take to find that a connection is half-open.
const FOUND_WITHIN: Duration = Duration::from_secs(100);

fn proxy(world: &World, side: Side) -> &Proxy {
    match side {
        Side::Database => &world.database,
        Side::Server => &world.flight,
    }
}

/// Waits until somebody connects anew: then what was done to the old connections was noticed.
async fn is_noticed(proxy: &Proxy, before: u64, limit: Duration) -> bool {
    comes_true(limit, || proxy.connections() > before).await
}

pub(in super::super) async fn cut(world: &World, mut random: Rng, side: Side) -> Result<bool> {
    let proxy = proxy(world, side);
    hold(&mut random, 0..300).await;
    let before = proxy.connections();
    proxy.cut();
    Ok(is_noticed(proxy, before, WAIT).await)
}

pub(in super::super) async fn refused(world: &World, mut random: Rng, side: Side) -> Result<bool> {
    let proxy = proxy(world, side);
    let before = proxy.connections();
    proxy.refuse();
    proxy.cut();
    let noticed = is_noticed(proxy, before, WAIT).await;
    hold(&mut random, 0..3_000).await;
    proxy.accept();
    Ok(noticed)
}

pub(in super::super) async fn stalled(world: &World, mut random: Rng, side: Side) -> Result<bool> {
    let proxy = proxy(world, side);
    hold(&mut random, 0..300).await;
    proxy.stall();
    provoke(world, &mut random).await;
    hold(&mut random, 200..5_000).await;
    if random.u8(0..3) == 0 {
        proxy.cut();
    }
    proxy.resume();
    Ok(true)
}

pub(in super::super) async fn slow(world: &World, mut random: Rng, side: Side) -> Result<bool> {
    let proxy = proxy(world, side);
    let shape = match random.u8(0..4) {
        0 => Shape { segment_bytes: NonZeroUsize::new(1), ..Shape::default() },
        1 => Shape { bytes_per_second: NonZeroU32::new(100_000), ..Shape::default() },
        2 => Shape { delay: Duration::from_millis(random.u64(100..500)), ..Shape::default() },
        _ => Shape {
            delay: Duration::from_millis(random.u64(1..50)),
            bytes_per_second: NonZeroU32::new(100_000),
            segment_bytes: NonZeroUsize::new(random.usize(1..100)),
        },
    };
    proxy.set_shape(shape);
    provoke(world, &mut random).await;
    hold(&mut random, 500..4_000).await;
    proxy.set_shape(Shape::default());
    Ok(true)
}

pub(in super::super) async fn garbled(world: &World, mut random: Rng) -> Result<bool> {
    world.flight.garble(true);
    provoke(world, &mut random).await;
    let struck = comes_true(WAIT, || !world.flight.is_garbling()).await;
    world.flight.garble(false);
    Ok(struck)
}

/// Nobody is told, so the client has to find out by itself.
pub(in super::super) async fn half_open(
    world: &World,
    mut random: Rng,
    side: Side,
) -> Result<bool> {
    let proxy = proxy(world, side);
    hold(&mut random, 0..300).await;
    let before = proxy.connections();
    if side == Side::Database {
        world.lose_count();
    }
    proxy.lose();
    provoke(world, &mut random).await;
    anyhow::ensure!(
        is_noticed(proxy, before, FOUND_WITHIN).await,
        "nobody noticed half-open connections for {} s",
        FOUND_WITHIN.as_secs()
    );
    Ok(true)
}
