//! A reorg of 64 blocks: it must cost what it replaces, not what the table holds.

use anyhow::{Result, ensure};
use nozzle_sim::{LoadConfig, Table};
use tokio::time::Instant;

use super::figure::{Figures, Target};
use super::world::World;

/// How many blocks are replaced, and how many rows each has: 100,000 in all.
const DEPTH: u32 = 64;
const ROWS: u32 = 1563;
/// How many rows the tables have.
const SIZES: [(&str, u32); 3] = [("0.1 M", 100_000), ("1 M", 1_000_000), ("10 M", 10_000_000)];

pub(super) async fn measure(world: &World) -> Result<Figures> {
    let mut figures = Figures::default();
    for (size, rows) in SIZES {
        let ranges = world.scaled(rows / ROWS / DEPTH);
        let config = LoadConfig {
            tables: vec![Table::logs().with_rows_per_block(ROWS..=ROWS)],
            blocks: ranges * u64::from(DEPTH),
            range_blocks: DEPTH.into(),
            ..LoadConfig::default()
        };
        let server = world.serve_as(config).await?;
        let mut follower = world.follow(&server).await?;
        follower.opens(&server, 1).await?;
        follower.reaches_head(&server, 1).await?;
        for _ in 0..world.rounds {
            let begun = Instant::now();
            server.reorg(DEPTH.into());
            follower.reaches_head(&server, 1).await?;
            figures.take(&format!("{size} rows"), "ms", begun.elapsed().as_secs_f64() * 1e3);
        }
        let count: i64 =
            follower.session.query_one("SELECT count(*) FROM logs", &[]).await?.try_get(0)?;
        let wanted = i64::try_from(ranges)? * i64::from(DEPTH) * i64::from(ROWS);
        ensure!(count == wanted, "the table has {count} rows, not {wanted}");
        world.tidy(follower).await?;
    }
    let ratio = figures.median("10 M rows").zip(figures.median("0.1 M rows"));
    if let Some((large, small)) = ratio {
        figures.take("10 M rows, of 0.1 M rows", "", large / small);
        figures.want("10 M rows, of 0.1 M rows", Target::AtMost(1.5));
    }
    Ok(figures)
}
