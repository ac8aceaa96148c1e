//! Keeps the tables of a Nozzle (Amp) dataset in your PostgreSQL.

mod adapters;
mod admin;
mod chosen;
mod cli;
mod columns;
mod console;
mod continuing;
mod database;
mod declared;
mod head;
mod http;
mod logging;
mod options;
mod patience;
mod plan;
mod report;
mod run;
mod schema;
mod settings;
mod signals;
mod stage;
mod sync;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main(std::env::args_os().collect(), std::env::vars_os().collect()).into()
}
