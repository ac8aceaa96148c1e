//! Two instances on one database: from the kill of the one that writes to the first rows of the
//! other.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::figure::{Figures, Target};
use super::resume::moves;
use super::world::World;

pub(super) async fn measure(world: &World) -> Result<Figures> {
    let mut figures = Figures::default();
    // More than is ever reached.
    let server = world.serve(1_000_000).await?;
    let mut writer = world.follow(&server).await?;
    writer.opens(&server, 1).await?;
    for _ in 0..world.rounds {
        let addr = world.cluster.addr();
        let begins = writer.ampsync.log_end();
        let mut standby = world.follow_into(&server, &writer.database, addr).await?;
        // Both write to the same log.
        while !standby.ampsync.log_from(begins).contains("standing by") {
            standby.ampsync.check()?;
            sleep(Duration::from_millis(10)).await;
        }
        moves(&writer.session).await?;
        let killed = Instant::now();
        writer.ampsync.kill().await?;
        moves(&standby.session).await?;
        figures.take("from the kill to the standby's rows", "s", killed.elapsed().as_secs_f64());
        writer = standby;
    }
    world.tidy(writer).await?;
    figures.want("from the kill to the standby's rows", Target::AtMost(5.0));
    Ok(figures)
}
