//! What happens to the server and to its streams.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use nozzle_sim::{Break, Fault, Method, SchemaChange};
use tokio::time::timeout;

use super::super::verdict;
use super::super::world::World;
use super::lies::taken;
use super::{comes_true, hold};

/// How long ampsync may take until it has given up a call that is not answered.
const CALL_GIVEN_UP_WITHIN: Duration = Duration::from_secs(100);
/// How long it may take until it has given up a stream that says nothing.
const STREAM_GIVEN_UP_WITHIN: Duration = Duration::from_secs(400);
const WAIT: Duration = Duration::from_secs(10);
/// More than the messages of a few ranges.
const MESSAGES_MAX: usize = 25;

pub(in super::super) async fn restart(world: &World, mut random: Rng) -> Result<bool> {
    world.sim.write().await.stop().await;
    world.flight.cut();
    world.with_sim(|sim| sim.mine(random.u64(0..20))).await;
    hold(&mut random, 0..3_000).await;
    reopen(world, None).await?;
    Ok(true)
}

/// Opens the server's port again.
async fn reopen(world: &World, age: Option<Duration>) -> Result<()> {
    let mut sim = world.sim.write().await;
    sim.retire_connections(age);
    sim.stop().await;
    sim.restart().await.context("could not open the server's port again")
}

pub(in super::super) async fn goaway(world: &World, mut random: Rng) -> Result<bool> {
    let before = world.flight.connections();
    reopen(world, Some(Duration::from_millis(random.u64(100..600)))).await?;
    hold(&mut random, 2_000..4_000).await;
    reopen(world, None).await?;
    Ok(world.flight.connections() > before + 1)
}

/// The codes of gRPC that pass.
fn code(random: &mut Rng) -> tonic::Code {
    let codes = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    tonic::Code::from_i32(codes.get(random.usize(0..codes.len())).copied().unwrap_or(13))
}

pub(in super::super) async fn errors(world: &World, mut random: Rng) -> Result<bool> {
    for _ in 0..random.u8(5..40) {
        let (code, text) = (code(&mut random), "injected".to_owned());
        let fault =
            if random.bool() { Fault::FlightInfo(code, text) } else { Fault::DoGet(code, text) };
        world.with_sim(|sim| sim.inject(fault)).await;
    }
    world.with_sim(nozzle_sim::SimServer::drop_connections).await;
    taken(world, &mut random).await
}

async fn breaks(world: &World, random: &mut Rng, with: impl Fn(&mut Rng) -> Break) -> Result<bool> {
    for _ in 0..random.u8(2..12) {
        let fault = Fault::Break { after: random.usize(0..MESSAGES_MAX), with: with(random) };
        world.with_sim(|sim| sim.inject(fault)).await;
    }
    world.with_sim(|sim| sim.mine(random.u64(1..20))).await;
    taken(world, random).await
}

pub(in super::super) async fn stream_status(world: &World, mut random: Rng) -> Result<bool> {
    breaks(world, &mut random, |random| Break::Status(code(random), "injected".to_owned())).await
}

pub(in super::super) async fn stream_reset(world: &World, mut random: Rng) -> Result<bool> {
    breaks(world, &mut random, |_| Break::Reset).await
}

pub(in super::super) async fn stream_ends(world: &World, mut random: Rng) -> Result<bool> {
    breaks(world, &mut random, |_| Break::Eof).await
}

pub(in super::super) async fn call_withheld(world: &World, mut random: Rng) -> Result<bool> {
    unanswered(world, &mut random, Fault::Withhold, CALL_GIVEN_UP_WITHIN).await
}

pub(in super::super) async fn stream_silent(world: &World, mut random: Rng) -> Result<bool> {
    unanswered(world, &mut random, Fault::Silence, STREAM_GIVEN_UP_WITHIN).await
}

/// Nothing comes any more to one table, and it has to ask again by itself.
async fn unanswered(
    world: &World,
    random: &mut Rng,
    fault: Fault,
    limit: Duration,
) -> Result<bool> {
    world
        .with_sim(|sim| {
            sim.inject_for("logs", fault);
            sim.drop_connections();
        })
        .await;
    if !taken(world, random).await? {
        return Ok(false);
    }
    let calls = |world: &World| {
        let sim = world.sim.try_read();
        sim.map_or(0, |sim| {
            let requests = sim.requests();
            let of_logs = |request: &&nozzle_sim::Request| {
                request.method == Method::GetFlightInfo && request.sql.contains("logs")
            };
            requests.iter().filter(of_logs).count()
        })
    };
    let before = calls(world);
    let again = comes_true(limit, || calls(world) > before).await;
    ensure!(again, "nobody asked again for {} s", limit.as_secs());
    Ok(true)
}

pub(in super::super) async fn schema_change(world: &World, mut random: Rng) -> Result<bool> {
    // A process that has not streamed the table yet takes the change for a mistake, and stops.
    world.with_sim(|sim| sim.mine(1)).await;
    if timeout(WAIT, verdict::caught_up(world)).await.is_err() {
        return Ok(false);
    }
    let column = if random.bool() { "data" } else { "address" };
    world
        .with_sim(|sim| {
            sim.change_schema("logs", &SchemaChange::Drop(column.to_owned()));
            sim.drop_connections();
        })
        .await;
    let before = world.with_sim(|sim| sim.requests().len()).await;
    let asked = async {
        let sim = world.sim.read().await;
        sim.requests_reach(|requests| requests.len() > before).await;
    };
    let asked = timeout(WAIT, asked).await.is_ok();
    hold(&mut random, 500..4_000).await;
    world
        .with_sim(|sim| {
            sim.restore_schema("logs");
            sim.drop_connections();
        })
        .await;
    Ok(asked)
}
