//! The real binary: building, starting and stopping it.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::cargo::cargo;

/// How long it may take to stop when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of its log is shown when something went wrong.
const LOG_LINES: usize = 25;

/// Builds ampsync and returns where it is.
pub(crate) fn build(release: bool) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--package", "ampsync", "--bin", "ampsync"]);
    build.arg("--message-format=json-render-diagnostics");
    if release {
        build.arg("--release");
    }
    eprintln!("building ampsync");
    let mut running = build.stdout(Stdio::piped()).spawn().context("could not run cargo build")?;
    let output = running.stdout.take().context("cargo build has no output")?;
    let mut program = None;
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message.context("cargo build said nonsense")?
            && artifact.target.name == "ampsync"
        {
            program = artifact.executable.or(program);
        }
    }
    let status = running.wait().context("could not wait for cargo build")?;
    if !status.success() {
        bail!("ampsync does not build: {status}");
    }
    Ok(program.context("cargo build made no ampsync")?.into())
}

/// What ampsync is told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) manifest: PathBuf,
    pub(crate) endpoint: String,
    pub(crate) database_url: String,
    /// More settings, by variable.
    pub(crate) more: Vec<(&'static str, &'static str)>,
}

/// One ampsync, and where its log goes.
#[derive(Debug)]
pub(crate) struct Ampsync {
    program: PathBuf,
    log: PathBuf,
    process: Option<Child>,
}

impl Ampsync {
    pub(crate) fn new(program: PathBuf, log: PathBuf) -> Self {
        Self { program, log, process: None }
    }

    /// Starts it, its log after that of the last one.
    pub(crate) fn start(&mut self, told: &Told) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("could not write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        // Settings of the surroundings are not ours.
        command
            .env_clear()
            .env("DATASET_MANIFEST", &told.manifest)
            .env("NOZZLE_ENDPOINT", &told.endpoint)
            .env("DATABASE_URL", &told.database_url)
            .env("RUST_BACKTRACE", "1")
            .envs(told.more.iter().copied())
            .arg("sync")
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("could not share the log")?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        self.process = Some(command.spawn().context("could not run ampsync")?);
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Its process, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Child::id)
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process
            && let Some(status) = process.try_wait().context("could not ask for ampsync")?
        {
            self.process = None;
            bail!("ampsync ended by itself with {status}; its log ends:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.context("ampsync has ended by itself")?;
        kill_process(pid, signal).context("could not signal ampsync")
    }

    /// Kills it, as the kernel does when memory runs out.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await.context("could not kill ampsync")?;
        }
        Ok(())
    }

    /// Asks it to stop and wants exit code 0.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let ended: std::io::Result<ExitStatus> =
            timeout(STOP_TIMEOUT, process.wait()).await.with_context(|| {
                format!("ampsync ignores SIGTERM; its log ends:\n{}", self.log_tail())
            })?;
        let status = ended.context("could not wait for ampsync")?;
        if !status.success() {
            bail!("ampsync ended with {status} after SIGTERM; its log ends:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// The first line of its log in which all of `texts` are.
    pub(crate) fn logged(&self, texts: &[&str]) -> Option<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        log.lines().find(|line| texts.iter().all(|text| line.contains(text))).map(str::to_owned)
    }

    /// How many bytes its log has.
    pub(crate) fn log_end(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// Its log from a byte on.
    pub(crate) fn log_from(&self, begins: u64) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let begins = usize::try_from(begins).unwrap_or(usize::MAX).min(log.len());
        String::from_utf8_lossy(&log[begins..]).into_owned()
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

fn tail(path: &Path) -> String {
    let log = fs::read(path).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
