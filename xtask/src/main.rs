//! The project's own commands: `cargo xtask --help`.

mod cargo;
mod ci;
mod demo;
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
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test { arguments } => test::run(&arguments),
        Command::Ci => ci::run(),
        Command::Demo(options) => demo::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
