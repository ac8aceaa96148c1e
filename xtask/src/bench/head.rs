//! At the head: from the moment a block is complete on the server until another session sees its
//! rows.

use std::time::Duration;

use anyhow::{Context, Result};
use nozzle_sim::{LoadConfig, LoadServer};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_postgres::{Client, Statement};

use super::figure::{Figures, Target};
use super::process;
use super::world::World;

/// How many blocks a second there are, and for how many seconds.
const RATES: [(u32, u32); 3] = [(1, 15), (10, 10), (100, 5)];

pub(super) async fn measure(world: &World) -> Result<Figures> {
    let mut figures = Figures::default();
    let server = world.serve(1).await?;
    let mut follower = world.follow(&server).await?;
    follower.opens(&server, 1).await?;
    follower.reaches_head(&server, 1).await?;
    // Beforehand: it is no part of what is measured.
    let rows = "SELECT count(*) FROM logs WHERE _block_num = $1";
    let rows = follower.session.prepare(rows).await?;
    for _ in 0..world.rounds {
        for (rate, seconds) in RATES {
            let mut ticks = interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut delays = Vec::new();
            for _ in 0..world.scaled(rate * seconds) {
                ticks.tick().await;
                let complete = Instant::now();
                server.mine(1);
                seen(&follower.session, &rows, &server).await?;
                delays.push(complete.elapsed().as_secs_f64() * 1e3);
            }
            delays.sort_by(f64::total_cmp);
            let at = |part: usize| delays.get((delays.len() * part / 100).min(delays.len() - 1));
            for (name, part) in [("p50", 50), ("p99", 99)] {
                let value = at(part).copied().unwrap_or(f64::NAN);
                figures.take(&format!("{rate} blocks/s: {name}"), "ms", value);
            }
        }
    }
    let (memory, _) = process::memory(follower.pid()?)?;
    figures.take("memory at the head", "MB", memory);
    world.tidy(follower).await?;
    figures.want("memory at the head", Target::AtMost(30.0));
    for (rate, _) in RATES {
        figures.want(&format!("{rate} blocks/s: p50"), Target::AtMost(5.0));
        figures.want(&format!("{rate} blocks/s: p99"), Target::AtMost(25.0));
    }
    Ok(figures)
}

/// Returns when the last block's rows can be seen.
async fn seen(session: &Client, rows: &Statement, server: &LoadServer) -> Result<()> {
    let (number, _) = server.head().context("there is no block")?;
    let number = i64::try_from(number)?;
    let all = i64::from(LoadConfig::ROWS_PER_BLOCK);
    while session.query_one(rows, &[&number]).await?.try_get::<_, i64>(0)? < all {
        sleep(Duration::from_micros(100)).await;
    }
    Ok(())
}
