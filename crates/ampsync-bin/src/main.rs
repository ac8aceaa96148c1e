//! Keeps the tables of a Nozzle (Amp) dataset in your PostgreSQL.

mod admin;
mod cli;
mod continuing;
mod database;
mod declared;
mod logging;
mod patience;
mod plan;
mod report;
mod run;
mod settings;
mod signals;
mod sync;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main(std::env::args_os().collect(), std::env::vars_os().collect()).into()
}
