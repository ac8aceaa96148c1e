//! `cargo xtask demo`: the real binary, a real PostgreSQL, a simulated chain that keeps changing
//! its mind, and the proof that the tables are equal to it in the end.

mod outcome;
mod script;
mod watch;
mod world;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::stage;
use script::{Step, script};
use world::World;

/// What kind of demo.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// How many blocks the chain has in the end.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(20..))]
    pub(crate) blocks: u64,
    /// How many reorgs happen on the way.
    #[arg(long, default_value_t = 20)]
    pub(crate) reorgs: u64,
    /// What everything random follows from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Leave everything running, with a new block every two seconds, until ctrl-c.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Build ampsync with optimisations.
    #[arg(long)]
    pub(crate) release: bool,
}

/// Runs the demo. The tables are equal to the chain if it returns `Ok`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let program = stage::build(options.release)?;
    stage::runtime()?.block_on(play(options, program))
}

async fn play(options: &Options, program: PathBuf) -> Result<()> {
    // Being interrupted must end ampsync too, which is in a process group of its own.
    let mut interrupts = signal(SignalKind::interrupt()).context("could not await ctrl-c")?;
    let mut world = World::create(options.seed, program).await?;
    tokio::select! {
        outcome = perform(&mut world, options) => outcome?,
        _ = interrupts.recv() => bail!("interrupted"),
    }
    if options.keep {
        tokio::select! {
            outcome = world.keep_going() => outcome?,
            _ = interrupts.recv() => {}
        }
        world.stop().await?;
    }
    Ok(())
}

async fn perform(world: &mut World, options: &Options) -> Result<()> {
    println!("seed {}; while this runs:\n\n  {}\n", options.seed, world.psql());
    for step in script(options.seed, options.blocks, options.reorgs) {
        world.watch.say(&step.to_string());
        match step {
            Step::Mine(blocks) => world.sim.mine(blocks),
            Step::Reorg(depth) => world.sim.reorg(depth),
            Step::Start => world.start()?,
            Step::Kill => world.kill().await?,
            Step::CatchUp => world.catch_up().await?,
            Step::Look => world.look().await?,
        }
    }
    world.watch.end();
    if !options.keep {
        world.stop().await?;
    }
    outcome::compare(world).await
}
