//! Whether Kubernetes would take the manifest: a check against its published schemas.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{self, root, succeeds};

const MANIFEST: &str = "deploy/kubernetes/ampsync.yaml";
/// The program brings the schemas with it, of one version of Kubernetes for each of its own.
const PACKAGE: &str = "kubernetes-validate==1.37.0";

/// Checks the manifest; returns the reason when that cannot be done on this machine.
pub(crate) fn validate() -> Result<Option<&'static str>> {
    let Some(program) = program() else {
        return Ok(Some("kubernetes-validate is missing, and pip cannot fetch it"));
    };
    let mut check = Command::new(program);
    check.args(["--strict", MANIFEST]).current_dir(root());
    cargo::run(&mut check).map(|()| None)
}

/// The program in the path, or one of our own.
fn program() -> Option<PathBuf> {
    let name = PathBuf::from("kubernetes-validate");
    if succeeds(Command::new(&name).arg("--version")) {
        return Some(name);
    }
    let folder = root().join("target/kubernetes-validate");
    let own = folder.join("bin").join(&name);
    if !succeeds(Command::new(&own).arg("--version")) {
        succeeds(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        succeeds(Command::new(folder.join("bin/pip")).args(["install", "--quiet", PACKAGE]));
    }
    succeeds(Command::new(&own).arg("--version")).then_some(own)
}
