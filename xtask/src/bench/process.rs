//! What processes have used, as Linux counts it in `/proc`.

use std::fs;

use anyhow::{Context, Result};

/// How many clock ticks a second has, on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// CPU seconds of a process so far, without its children.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    let [user, system, ..] = times(pid)?;
    Ok((user + system) / TICKS)
}

/// CPU seconds of a process and of all its children so far, those that have ended included.
pub(super) fn tree_cpu_seconds(pid: u32) -> Result<f64> {
    let mut ticks: f64 = times(pid)?.iter().sum();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for child in children.context("could not read the children of a process")?.split_whitespace() {
        // It may have ended meanwhile; then it counts the next time.
        let child = child.parse().ok().and_then(|child| times(child).ok());
        ticks += child.map_or(0.0, |times| times.iter().sum());
    }
    Ok(ticks / TICKS)
}

/// User and system time, and those of the children that have ended, in ticks.
fn times(pid: u32) -> Result<[f64; 4]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("a process is gone")?;
    // Behind the name, which may have blanks, the third field is the first.
    let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat has another form")?;
    let mut ticks = fields.split_whitespace().skip(11).map(|field| field.parse().unwrap_or(0.0));
    Ok([(); 4].map(|()| ticks.next().unwrap_or(0.0)))
}

/// Megabytes of memory that a process has now, and the most that it had.
pub(super) fn memory(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("a process is gone")?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    let megabytes = |name: &str| field(name).map(|kib| kib * 1024.0 / 1e6);
    let both = megabytes("VmRSS:").zip(megabytes("VmHWM:"));
    both.context("/proc/PID/status does not tell the memory")
}
