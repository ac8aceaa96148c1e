//! The other machine, as far as there is only one.

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// How much its threads stand back: what PostgreSQL or ampsync can use is theirs first.
const NICE: i32 = 10;

/// A runtime for what runs on another machine in production, where it would take no time from what is
/// measured.
#[derive(Debug)]
pub(super) struct Elsewhere(Option<Runtime>);

impl Elsewhere {
    pub(super) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            // Of this thread only. Where it is not allowed, figures are a little worse.
            .on_thread_start(|| _ = rustix::process::nice(NICE))
            .build();
        Ok(Self(Some(runtime.context("could not start the servers' runtime")?)))
    }

    pub(super) fn runtime(&self) -> Result<&Runtime> {
        self.0.as_ref().context("the servers' runtime has ended")
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It may be dropped by a task, which must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
