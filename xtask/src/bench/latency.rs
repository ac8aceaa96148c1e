//! Catching up with a PostgreSQL that is some milliseconds away.

use std::time::Duration;

use ampsync_testkit::proxy::{Proxy, Shape};
use anyhow::Result;
use nozzle_sim::LoadConfig;
use tokio::time::Instant;

use super::figure::{Figures, Target};
use super::world::World;

const ROWS: u32 = 1_500_000;
/// Milliseconds of the added round trips.
const ROUND_TRIPS: [u32; 3] = [0, 2, 10];

pub(super) async fn measure(world: &World) -> Result<Figures> {
    let mut figures = Figures::default();
    let blocks = world.scaled(ROWS / LoadConfig::ROWS_PER_BLOCK);
    let name = |milliseconds: u32| format!("{milliseconds} ms");
    for _ in 0..world.rounds {
        for milliseconds in ROUND_TRIPS {
            let server = world.serve(blocks).await?;
            let each_way = Duration::from_millis(milliseconds.into()) / 2;
            let proxy = Proxy::start(world.cluster.addr()).await?;
            proxy.set_shape(Shape { delay: each_way, ..Shape::default() });
            let database = world.cluster.create_database().await?;
            let mut follower = world.follow_into(&server, &database, proxy.addr()).await?;
            follower.opens(&server, 1).await?;
            let begun = Instant::now();
            follower.reaches_head(&server, 1).await?;
            let rows = f64::from(u32::try_from(blocks)? * LoadConfig::ROWS_PER_BLOCK);
            let rate = rows / begun.elapsed().as_secs_f64() / 1e3;
            figures.take(&name(milliseconds), "k rows/s", rate);
            world.tidy(follower).await?;
        }
    }
    if let Some((far, near)) = figures.median(&name(10)).zip(figures.median(&name(0))) {
        figures.take("10 ms, of 0 ms", "", far / near);
        figures.want("10 ms, of 0 ms", Target::AtLeast(0.80));
    }
    Ok(figures)
}
