//! `cargo xtask chaos`: the real binary between a simulated server and a real PostgreSQL, while
//! everything around it breaks; and the proof that it healed.
//!
//! A run mines, reorganises and loads a chain all the time. Two lanes of faults strike beside
//! each other: one at the process and the database, one at the server and the network before it.
//! What strikes when follows from the seed (`schedule`); only how the machine's clock cuts it is
//! not repeatable. Readers look at every table in snapshot after snapshot and refuse half blocks,
//! two forks and duplicates (`watchers`). In the end the faults stop, the lag has to return to zero,
//! and every table has to be equal to the canonical chain (`verdict`).
//!
//! A fault counts only when it has struck: a proxy saw it pass, the server gave it away, or
//! PostgreSQL says so. To add one: write a function in `faults`, and give it a row in its table.

mod catalog;
mod faults;
mod options;
mod schedule;
mod verdict;
mod watchers;
mod world;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fastrand::Rng;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

pub(crate) use options::Options;

use crate::stage;
use catalog::{Fault, Lane};
use faults::chain;
use schedule::{Strike, lane};
use verdict::Tally;
use world::World;

/// How often a fault that found nothing to strike is tried again.
const TRIES_MAX: u32 = 5;

/// Runs chaos. Everything healed if it returns `Ok`.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.list {
        catalog::print();
        return Ok(());
    }
    let faults = catalog::chosen(options)?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => stage::build(options.release)?,
    };
    let runtime = stage::runtime()?;
    println!("{}: {} faults", options.arguments(), faults.len());
    runtime
        .block_on(play(options, &faults, program))
        .with_context(|| format!("chaos: `cargo xtask chaos {}` repeats this", options.arguments()))
}

async fn play(options: &Options, faults: &[&'static Fault], program: PathBuf) -> Result<()> {
    let mut interrupts = signal(SignalKind::interrupt()).context("could not await ctrl-c")?;
    let disk = faults.iter().any(|fault| fault.name == "disk-full");
    let world = World::create(options, program, disk).await?;
    let outcome = tokio::select! {
        outcome = Box::pin(perform(&world, options, faults)) => outcome,
        _ = interrupts.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => {
            let kept = world.keep_logs();
            bail!("{error:#}\n\n{}\nlogs: {kept}", world.log_tails().await);
        }
    }
}

async fn perform(world: &World, options: &Options, faults: &[&'static Fault]) -> Result<()> {
    world.with_sim(|sim| sim.mine(150)).await;
    world.start_first().await?;
    verdict::caught_up(world).await.context("before the first fault")?;
    let tally = Tally::default();
    let struck = async {
        if options.each {
            return Box::pin(each(world, &tally, options.seed, faults)).await;
        }
        let until = Until::of(options);
        tokio::try_join!(
            Box::pin(strike(world, &tally, lane(options.seed, Lane::Near, faults), until)),
            Box::pin(strike(world, &tally, lane(options.seed, Lane::Far, faults), until)),
        )?;
        Ok(())
    };
    tokio::select! {
        struck = struck => struck?,
        never = chain::goes_on(world, Rng::with_seed(options.seed ^ 1)) => match never {},
        broken = world.watch() => return Err(broken),
    }
    world.calm().await?;
    println!("\nfaults that struck:\n{tally}");
    let healed = Instant::now();
    tokio::select! {
        caught_up = verdict::caught_up(world) => caught_up.context("after the last fault")?,
        broken = world.watch() => return Err(broken),
    }
    println!("healed {:.1} s after the last fault", healed.elapsed().as_secs_f64());
    verdict::judge(world, &tally).await
}

/// When the faults stop.
#[derive(Clone, Copy, Debug)]
enum Until {
    Time(Instant),
    Strikes(u64),
}

impl Until {
    fn of(options: &Options) -> Self {
        match options.strikes {
            Some(strikes) => Self::Strikes(strikes),
            None => Self::Time(Instant::now() + Duration::from_secs(options.seconds)),
        }
    }

    fn has_come(self, tally: &Tally) -> bool {
        match self {
            Self::Time(end) => Instant::now() >= end,
            Self::Strikes(strikes) => tally.struck() >= strikes,
        }
    }
}

/// Lets one lane's faults strike, one after the other.
async fn strike(
    world: &World,
    tally: &Tally,
    schedule: impl Iterator<Item = Strike>,
    until: Until,
) -> Result<()> {
    for Strike { fault, pause, seed } in schedule {
        if until.has_come(tally) {
            break;
        }
        sleep(pause).await;
        strike_once(world, tally, fault, seed).await?;
    }
    Ok(())
}

/// Lets every fault strike once, and everything heal before the next.
async fn each(world: &World, tally: &Tally, seed: u64, faults: &[&'static Fault]) -> Result<()> {
    let mut random = Rng::with_seed(seed);
    for fault in faults {
        let mut tries = 0..TRIES_MAX;
        // What a fault waits for may not come to pass at once.
        while !strike_once(world, tally, fault, random.u64(..)).await? {
            tries.next().with_context(|| format!("{} finds nothing to strike", fault.name))?;
        }
        verdict::caught_up(world).await.with_context(|| format!("after {}", fault.name))?;
    }
    Ok(())
}

async fn strike_once(world: &World, tally: &Tally, fault: &Fault, seed: u64) -> Result<bool> {
    let begun = Instant::now();
    world.note(&format!("{} begins", fault.name));
    let struck = (fault.strike)(world, Rng::with_seed(seed))
        .await
        .with_context(|| format!("fault {}", fault.name))?;
    tally.add(fault.name, struck);
    world.note(&format!("{} {struck} {:?}", fault.name, begun.elapsed()));
    Ok(struck)
}
