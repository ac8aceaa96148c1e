//! From a kill in the middle of a load to the first rows that are committed after it.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::figure::{Figures, Target};
use super::world::World;

pub(super) async fn measure(world: &World) -> Result<Figures> {
    let mut figures = Figures::default();
    // More than is ever reached.
    let server = world.serve(1_000_000).await?;
    let mut follower = world.follow(&server).await?;
    follower.opens(&server, 1).await?;
    for _ in 0..world.rounds {
        moves(&follower.session).await?;
        let killed = Instant::now();
        follower.ampsync.kill().await?;
        follower.start()?;
        moves(&follower.session).await?;
        figures.take("from the kill to new rows", "s", killed.elapsed().as_secs_f64());
    }
    world.tidy(follower).await?;
    figures.want("from the kill to new rows", Target::AtMost(1.0));
    Ok(figures)
}

/// Returns when a commit has come that is none of those under way now.
pub(super) async fn moves(session: &tokio_postgres::Client) -> Result<()> {
    let query = "SELECT sum(version)::bigint FROM ampsync.checkpoints";
    let version = || async {
        session
            .query_one(query, &[])
            .await?
            .try_get::<_, Option<i64>>(0)
            .map(Option::unwrap_or_default)
    };
    // What was under way when a process was killed may still be committed.
    let before = version().await? + 1;
    while version().await? <= before {
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
