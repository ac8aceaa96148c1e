//! The encoder by itself, on one core.

use std::time::Instant;

use anyhow::{Context, Result};
use nozzle_sim::{Chain, Table};
use sink_postgres::SinkOptions;
use sink_postgres::bench::Encoder;

use super::figure::{Figures, Target};
use super::world::World;

/// How many rows a batch has.
const ROWS: u32 = 8192;
/// How many batches are encoded a round.
const BATCHES: u32 = 300;

pub(super) fn measure(world: &World) -> Result<Figures> {
    let mut figures = Figures::default();
    let mut chain = Chain::new(1, "bench");
    chain.mine(1);
    let block = *chain.stored().first().context("there is no block")?;
    let logs = Table::logs().with_rows_per_block(ROWS..=ROWS);
    let transactions = Table::transactions().with_rows_per_block(ROWS..=ROWS);
    for table in [logs, transactions] {
        let name = table.name().to_owned();
        let (rate, bytes) = (format!("{name}: rows"), format!("{name}: bytes"));
        let rows = table.rows(&block);
        let encoder = Encoder::new(&rows.schema(), &SinkOptions::default())?;
        for _ in 0..world.rounds {
            let (mut encoded, begun) = (0, Instant::now());
            for _ in 0..world.scaled(BATCHES) {
                encoder.encode(&rows, |piece| encoded += piece.len())?;
            }
            let seconds = begun.elapsed().as_secs_f64();
            let count = u32::try_from(world.scaled(BATCHES)).context("too many batches")?;
            figures.take(&rate, "M rows/s", f64::from(ROWS) * f64::from(count) / seconds / 1e6);
            let encoded = f64::from(u32::try_from(encoded / 1000).context("too many bytes")?);
            figures.take(&bytes, "GB/s", encoded / seconds / 1e6);
        }
    }
    figures.want("logs: rows", Target::AtLeast(5.0));
    Ok(figures)
}
