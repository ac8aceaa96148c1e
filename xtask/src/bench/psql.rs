//! PostgreSQL's own COPY, by way of `psql`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::world::World;

/// Copies a table into a file, in COPY's binary format.
pub(super) async fn unload(world: &World, database: &str, table: &str, file: &Path) -> Result<()> {
    let file = file.display();
    run(world, database, &format!("\\copy {table} TO '{file}' WITH (FORMAT binary)")).await?;
    Ok(())
}

/// Copies a file into a table, and says how long that took.
pub(super) async fn load(
    world: &World,
    database: &str,
    table: &str,
    file: &Path,
) -> Result<Duration> {
    let file = file.display();
    let copy = format!("\\copy {table} FROM '{file}' WITH (FORMAT binary)");
    let said = run(world, database, &copy).await?;
    let time = said.lines().find_map(|line| line.strip_prefix("Time: ")?.split(' ').next());
    let milliseconds: f64 = time.and_then(|time| time.parse().ok()).context("psql took no time")?;
    Ok(Duration::from_secs_f64(milliseconds / 1000.0))
}

async fn run(world: &World, database: &str, command: &str) -> Result<String> {
    let beside_the_server = world.cluster.programs().path("psql");
    let psql = if beside_the_server.is_file() { beside_the_server } else { "psql".into() };
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command=\\timing on"])
        .arg(format!("--command={command}"))
        .arg(world.cluster.url(database))
        .env("LC_ALL", "C")
        .output()
        .await
        .context("could not run psql")?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
