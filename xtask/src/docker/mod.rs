//! `cargo xtask docker`: the images, built from the same Dockerfile that users build from; and the
//! demo's compose file, with everything in it that can go away going away.

mod bases;
mod chain;
mod engine;
mod images;
mod project;
mod trial;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::stage;
use bases::{Bases, NoBase};
use project::{Compose, Project};

/// How images are built.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Cargo's profile: `release`, or `quick` for an image that is only tested.
    #[arg(long, default_value = "release")]
    pub(crate) profile: String,
    /// Build from this image: a Debian with gcc, CA roots and Rust.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) builder_image: Option<String>,
    /// Run this PostgreSQL.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) postgres_image: Option<String>,
    /// Build and look at the images, and run nothing.
    #[arg(long)]
    pub(crate) build_only: bool,
}

/// Why there is nothing to build or run with.
const NO_ENGINE: &str = "no Docker engine answers";
const NO_COMPOSE: &str = "neither `docker compose` nor `docker-compose` is installed";

/// Builds the images and puts them on trial.
///
/// # Errors
/// Also when that cannot be done on this machine.
pub(crate) fn run(options: &Options) -> Result<()> {
    match attempt(options)? {
        None => Ok(()),
        Some(reason) => bail!("{reason}"),
    }
}

/// The same; returns the reason when it cannot be done on this machine.
pub(crate) fn attempt(options: &Options) -> Result<Option<&'static str>> {
    let Ok(version) = engine::version() else { return Ok(Some(NO_ENGINE)) };
    let Some(compose) = Compose::find() else { return Ok(Some(NO_COMPOSE)) };
    println!("Docker engine {version}");
    let bases = match Bases::find(options) {
        Ok(bases) => bases,
        Err(error) if error.is::<NoBase>() => return Ok(Some(NoBase::REASON)),
        Err(error) => return Err(error),
    };
    let images = images::build(&bases, &options.profile)?;
    images::inspect(&images)?;
    if options.build_only {
        return Ok(None);
    }
    let runtime = stage::runtime()?;
    runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt()).context("could not await ctrl-c")?;
        let project = Project::up(compose, &bases, &images)?;
        tokio::select! {
            outcome = Box::pin(trial::run(project)) => outcome,
            _ = interrupts.recv() => bail!("interrupted"),
        }
    })?;
    Ok(None)
}
