//! `cargo xtask test`

use std::env;
use std::ffi::OsString;
use std::process::Command;

use ampsync_testkit::browser;
use ampsync_testkit::postgres::install_if_missing;
use anyhow::Result;

use crate::cargo::{self, cargo, has};

/// Runs the tests that `arguments` choose, or all of them.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let postgres = install_if_missing()?;
    eprintln!("testing with {} ({})", postgres.version(), postgres.path("postgres").display());
    match browser::install_if_missing() {
        Ok(browser) => eprintln!("testing the live page with {}", browser.display()),
        Err(missing) => eprintln!("the tests of the live page are skipped: {missing}"),
    }
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!(
            "the tests of the alert rules are skipped: promtool is not installed (on Debian: apt-get install -y prometheus)"
        );
    }
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
