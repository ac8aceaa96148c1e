//! The simulated server in its container, and the same chain built once more.

use anyhow::{Context, Result, ensure};
use nozzle_sim::{Growth, SimConfig, SimServer};

use super::engine::{ask, docker, logs};

/// The container in which the chain grows.
#[derive(Debug)]
pub(super) struct Chain {
    container: String,
}

impl Chain {
    pub(super) fn new(container: String) -> Self {
        Self { container }
    }

    /// How many steps the chain has grown by, and the last of them as it was printed.
    pub(super) async fn grown(&self) -> Result<(u64, String)> {
        let logs = logs(&self.container).await?;
        let last = logs.lines().rfind(|line| line.starts_with("step "));
        let Some(line) = last else { return Ok((0, String::new())) };
        let step = line.trim_start_matches("step ").split(':').next().unwrap_or_default();
        let step = step.parse().with_context(|| format!("the server printed {line:?}"))?;
        Ok((step, line.to_owned()))
    }

    /// The number of the highest block.
    pub(super) async fn head(&self) -> Result<i64> {
        let (_, line) = self.grown().await?;
        let number = line.split_once(": block ").and_then(|(_, rest)| rest.split(' ').next());
        number.context("the chain has not grown yet")?.parse().context("a block has no number")
    }

    /// Ends the growing, once for all.
    pub(super) async fn settle(&self) -> Result<()> {
        ask(docker(&["kill", "--signal", "USR1", &self.container])).await.map(drop)
    }

    /// Whether it has ended.
    pub(super) async fn is_settled(&self) -> Result<bool> {
        Ok(logs(&self.container).await?.lines().any(|line| line == "settled"))
    }

    /// The same chain, in this process: what the tables have to be equal to.
    pub(super) async fn again(&self) -> Result<SimServer> {
        let (steps, printed) = self.grown().await?;
        let sim = SimServer::start(SimConfig::default()).await.context("no simulated server")?;
        let growth = Growth::default();
        growth.begin(&sim);
        let mut last = String::new();
        for step in 1..=steps {
            last = growth.step(&sim, step).to_string();
        }
        ensure!(last == printed, "the chain is another: {last:?}, {printed:?}");
        Ok(sim)
    }
}
