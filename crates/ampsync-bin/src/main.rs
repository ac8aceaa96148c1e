//! Keeps the tables of a Nozzle (Amp) dataset in your PostgreSQL.

mod adapters;
mod admin;
mod check;
mod chosen;
mod cli;
mod columns;
mod console;
mod continuing;
mod database;
mod declared;
mod ends;
mod failure;
mod head;
mod healthcheck;
mod http;
mod logging;
mod named;
mod options;
mod patience;
mod plan;
mod reload;
mod report;
mod reset;
mod revision;
mod rollback;
mod run;
mod schema;
mod settings;
mod signals;
mod stage;
mod status;
mod sync;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main(std::env::args_os().collect(), std::env::vars_os().collect()).into()
}
