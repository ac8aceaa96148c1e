//! `cargo xtask ci`

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};

use crate::cargo::{self, cargo, has};
use crate::{bench, chaos, demo, docker, kubernetes, test};

/// One thing that must hold.
struct Step {
    name: &'static str,
    run: fn() -> Result<Done>,
}

enum Done {
    Passed,
    /// It could not be checked here, and why.
    Skipped(&'static str),
}

const STEPS: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "clippy", run: clippy },
    Step { name: "docs", run: docs },
    Step { name: "deny", run: deny },
    Step { name: "kubernetes", run: manifest },
    Step { name: "test", run: tests },
    Step { name: "demo", run: short_demo },
    Step { name: "chaos each", run: chaos_each },
    Step { name: "chaos", run: short_chaos },
    Step { name: "bench", run: small_bench },
    Step { name: "docker", run: images },
];

/// Runs every step and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let mut summary = Vec::new();
    for Step { name, run } in STEPS {
        eprintln!("\n── {name}");
        let start = Instant::now();
        let done = run().with_context(|| format!("step `{name}` failed"))?;
        summary.push(line(name, &done, start.elapsed()));
        summary.last().into_iter().for_each(|line| eprintln!("{line}"));
    }
    eprintln!("\n{}", summary.join("\n"));
    Ok(())
}

fn line(name: &str, done: &Done, took: Duration) -> String {
    let outcome = match done {
        Done::Passed => "ok".to_owned(),
        Done::Skipped(reason) => format!("skipped: {reason}"),
    };
    format!("{name:<12}{:>7.1} s  {outcome}", took.as_secs_f64())
}

fn format() -> Result<Done> {
    cargo::run(cargo().args(["fmt", "--all", "--check"])).map(|()| Done::Passed)
}

fn clippy() -> Result<Done> {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo::run(cargo().args(arguments)).map(|()| Done::Passed)
}

fn docs() -> Result<Done> {
    let mut doc = cargo();
    doc.args(["doc", "--locked", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
    cargo::run(&mut doc).map(|()| Done::Passed)
}

fn deny() -> Result<Done> {
    if !has("deny") {
        return Ok(Done::Skipped("cargo-deny is not installed"));
    }
    let arguments = ["deny", "--locked", "check", "licenses", "bans", "sources"];
    cargo::run(cargo().args(arguments)).map(|()| Done::Passed)
}

fn tests() -> Result<Done> {
    test::run(&[]).map(|()| Done::Passed)
}

fn short_demo() -> Result<Done> {
    let options = demo::Options { blocks: 300, reorgs: 8, seed: 1, keep: false, release: false };
    demo::run(&options).map(|()| Done::Passed)
}

/// Every fault alone, from a seed that is always the same.
fn chaos_each() -> Result<Done> {
    let options = chaos::Options { each: true, seed: 1, ..chaos::Options::default() };
    chaos::run(&options).map(|()| Done::Passed)
}

/// All of them in the mix, from a seed that nobody has seen: if it fails, it is printed.
fn short_chaos() -> Result<Done> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let seed = since_1970.as_secs();
    let options = chaos::Options { seconds: 60, seed, ..chaos::Options::default() };
    chaos::run(&options).map(|()| Done::Passed)
}

/// Every measurement, so small that it only shows that it works.
fn small_bench() -> Result<Done> {
    bench::run(&bench::Options::smallest()).map(|()| Done::Passed)
}

fn manifest() -> Result<Done> {
    Ok(kubernetes::validate()?.map_or(Done::Passed, Done::Skipped))
}

/// The images, built with few optimisations, and the demo that runs in them while it is broken.
fn images() -> Result<Done> {
    let options = docker::Options {
        profile: "quick".to_owned(),
        builder_image: None,
        postgres_image: None,
        build_only: false,
    };
    Ok(docker::attempt(&options)?.map_or(Done::Passed, Done::Skipped))
}
