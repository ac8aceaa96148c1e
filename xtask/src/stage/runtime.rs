use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// A runtime for plays: as many threads as the smallest machine has cores.
pub(crate) fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("could not start the runtime")
}
