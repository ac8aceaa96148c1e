//! Where figures were taken.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::world::World;
use crate::cargo;

/// The machine, and the versions of what was measured.
pub(super) fn describe(world: &World) -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().unwrap_or_default().split_whitespace().nth(1);
    json!({
        "cpu": model.map(|(_, name)| name.trim()),
        "cores": std::thread::available_parallelism().ok().map(std::num::NonZero::get),
        "memory_kib": memory.and_then(|kib| kib.parse::<u64>().ok()),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
        "postgresql": world.cluster.programs().version(),
        "postgresql_settings": world.settings(),
        "commit": said(Command::new("git").args(["describe", "--always", "--dirty"])),
        "rustc": said(Command::new("rustc").arg("--version")),
    })
}

/// What a command prints.
fn said(command: &mut Command) -> Option<String> {
    let output = command.current_dir(cargo::root()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
}
