//! `cargo xtask bench`: what ampsync costs, beside what PostgreSQL itself costs.
//!
//! Everything that is compared runs within one call, by turns: machines are noisy, and absolute
//! times of two calls say nothing.

mod elsewhere;
mod encode;
mod figure;
mod growth;
mod head;
mod latency;
mod machine;
mod pipe;
mod process;
mod psql;
mod reorg;
mod resume;
mod takeover;
mod world;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{cargo, stage};
use figure::{Figures, Report};
use world::World;

/// What is measured, and how thoroughly.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// What to measure; everything without it.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How often each figure is taken.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How much larger or smaller everything is: 0.01 shows in a minute that it works.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// This ampsync instead of one that is built first.
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Measure builds without optimisation. The figures say nothing then.
    #[arg(long)]
    debug: bool,
}

impl Options {
    /// Every part, as small as it goes, with what is built anyway.
    pub(crate) fn smallest() -> Self {
        Self { parts: Vec::new(), rounds: 1, scale: 0.002, program: None, debug: true }
    }
}

/// Something to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Catching up, beside COPY of the same rows.
    Pipe,
    /// The encoder by itself.
    Encode,
    /// From a completed block to its rows, seen by somebody else.
    Head,
    /// A reorg of 64 blocks, in tables of three sizes.
    Reorg,
    /// Catching up with a distant PostgreSQL.
    Latency,
    /// What a row costs in a table that grows; memory after an hour at the head.
    Growth,
    /// From a kill to the first new row.
    Resume,
    /// From the kill of one instance to the first row of another.
    Takeover,
}

/// Measures, prints, and writes `target/bench/NAME.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    if cfg!(debug_assertions) && !options.debug {
        return again_optimised();
    }
    let program = match &options.program {
        Some(program) => program.clone(),
        None => stage::build(!options.debug)?,
    };
    let parts = match options.parts.as_slice() {
        [] => Part::value_variants(),
        chosen => chosen,
    };
    stage::runtime()?.block_on(async {
        let world = World::create(program, options.rounds, options.scale).await?;
        for part in parts {
            let figures = Box::pin(measure(*part, &world)).await;
            let figures = figures.with_context(|| format!("could not measure {}", name(*part)))?;
            Report::new(name(*part), &world, figures)?.publish()?;
        }
        Ok(())
    })
}

async fn measure(part: Part, world: &World) -> Result<Figures> {
    match part {
        Part::Pipe => pipe::measure(world).await,
        Part::Encode => encode::measure(world),
        Part::Head => head::measure(world).await,
        Part::Reorg => reorg::measure(world).await,
        Part::Latency => latency::measure(world).await,
        Part::Growth => growth::measure(world).await,
        Part::Resume => resume::measure(world).await,
        Part::Takeover => takeover::measure(world).await,
    }
}

fn name(part: Part) -> String {
    part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The server of the benchmarks is part of this program, so it has to be fast as well.
fn again_optimised() -> Result<()> {
    let mut run = cargo::cargo();
    run.args(["run", "--locked", "--release", "--package", "xtask", "--"]);
    cargo::run(run.args(std::env::args_os().skip(1)))
}
