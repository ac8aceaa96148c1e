//! The verbs beside `sync` and `schema`.

mod check;
mod probes;
mod reset;
mod status;

use nozzle_sim::SimServer;
use rustix::process::Signal;

use crate::pipe::{Database, start};
use crate::process::{Answer, ampsync, answer};

/// Runs `ampsync` with these arguments.
fn run(environment: &[(&str, &str)], arguments: &[&str]) -> Answer {
    answer(ampsync(environment).args(arguments))
}

/// The database after a sync that has come to the head of the chain, and ended.
async fn synced(sim: &SimServer) -> Database {
    let database = Database::create().await;
    let running = start(sim, &database.url());
    database.equals(sim).await;
    running.signal(Signal::TERM);
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(0), "{text}");
    database
}
