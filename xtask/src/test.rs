//! `cargo xtask test`

use std::env;
use std::ffi::OsString;

use ampsync_testkit::postgres::install_if_missing;
use anyhow::Result;

use crate::cargo::{self, cargo, has};

/// Runs the tests that `arguments` choose, or all of them.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let postgres = install_if_missing()?;
    eprintln!("testing with {} ({})", postgres.version(), postgres.path("postgres").display());
    if !has("nextest") {
        eprintln!("cargo-nextest is not installed; using cargo test");
        return cargo::run(cargo().args(["test", "--locked", "--workspace"]).args(arguments));
    }
    let mut nextest = cargo();
    nextest.args(["nextest", "run", "--locked"]);
    if env::var_os("CI").is_some() {
        nextest.args(["--profile", "ci"]);
    }
    cargo::run(nextest.args(arguments))?;
    // Which nextest does not run. Whoever chose some tests did not choose these.
    if arguments.is_empty() {
        cargo::run(cargo().args(["test", "--locked", "--workspace", "--doc"]))?;
    }
    Ok(())
}
