//! The project's own commands: `cargo xtask --help`.

mod bench;
mod cargo;
mod chaos;
mod ci;
mod demo;
mod docker;
mod kubernetes;
mod stage;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all tests, with everything they need.
    ///
    /// PostgreSQL is found, or installed where that is possible. `cargo nextest` is used if it
    /// is there.
    Test {
        /// Go through to `cargo nextest run` or `cargo test`; without any, all tests run.
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Run everything that must hold before a change is merged.
    Ci,
    /// Sync a simulated chain with reorgs and crashes into a private PostgreSQL, and compare.
    Demo(demo::Options),
    /// Break everything around ampsync while it syncs, and see that it heals.
    ///
    /// The real binary runs between a simulated server and a private PostgreSQL, with proxies
    /// between them. Faults of about seventy kinds strike, while the chain is mined and
    /// reorganised and readers watch every table. In the end the tables have to be equal to the
    /// chain. `--list` names the faults.
    Chaos(chaos::Options),
    /// Measure what ampsync costs, beside what PostgreSQL itself costs.
    ///
    /// Each part by its name, or all of them. Figures are medians of several rounds, with what they
    /// are wanted to be; nothing fails when one is not met. They are printed, and written to
    /// `target/bench` with the machine and the versions.
    Bench(bench::Options),
    /// Build the container images and see that what runs in them heals.
    ///
    /// From the official images, or, where no registry is reached, from a local Debian that
    /// mmdebstrap makes. The demo's compose file is brought up with them; ampsync's network to
    /// PostgreSQL is cut, PostgreSQL stopped, ampsync killed; in the end the tables have to be equal
    /// to the chain. Everything but the images is removed.
    Docker(docker::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test { arguments } => test::run(&arguments),
        Command::Ci => ci::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Docker(options) => docker::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
