//! Building the images, and what an image has to be.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::bases::Bases;
use super::engine::{command, docker, read};
use crate::cargo::run;

/// The largest that ampsync's image may be.
const BYTES_MAX: u64 = 40_000_000;
const PROGRAM: &str = "/usr/local/bin/ampsync";

/// What was built, by name.
#[derive(Clone, Debug)]
pub(super) struct Images {
    pub(super) ampsync: String,
    pub(super) nozzle_sim: String,
}

/// Builds both images from the same Dockerfile, whatever its bases are.
pub(super) fn build(bases: &Bases, profile: &str) -> Result<Images> {
    // One profile's image does not pass for another's.
    let tag = if profile == "release" { "local" } else { profile };
    let images =
        Images { ampsync: format!("ampsync:{tag}"), nozzle_sim: format!("nozzle-sim:{tag}") };
    let revision = read(&mut command("git", &["rev-parse", "HEAD"]));
    let revision = revision.unwrap_or_else(|_| "unknown".to_owned());
    for (target, name) in [("nozzle-sim", &images.nozzle_sim), ("ampsync", &images.ampsync)] {
        let start = Instant::now();
        let mut build = docker(&["build", "--file", "docker/Dockerfile", "--target", target]);
        build.args(["--tag", name, "--build-arg", &format!("PROFILE={profile}")]);
        build.args(["--build-arg", &format!("REVISION={revision}")]);
        if let Some(builder) = &bases.builder {
            build.args(["--build-arg", &format!("BUILDER_IMAGE={builder}")]);
        }
        run(build.arg("."))?;
        println!("{name}: built in {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(images)
}

/// Looks at an image from outside: how large it is, what is in it, and how it would be run.
pub(super) fn inspect(images: &Images) -> Result<()> {
    let image = images.ampsync.as_str();
    for name in [image, &images.nozzle_sim] {
        println!("{name}: {:.1} MB", megabytes(bytes(name)?));
    }
    let size = bytes(image)?;
    ensure!(size <= BYTES_MAX, "{image} is larger than {:.0} MB", megabytes(BYTES_MAX));
    let config = read(&mut docker(&["image", "inspect", "--format", "{{json .Config}}", image]))?;
    let config: Value = serde_json::from_str(&config).context("docker said nonsense")?;
    let expected = [
        ("/User", json!("65532:65532")),
        ("/Entrypoint", json!([PROGRAM])),
        ("/StopSignal", json!("SIGTERM")),
        ("/Healthcheck/Test", json!(["CMD", PROGRAM, "healthcheck"])),
    ];
    for (place, expected) in expected {
        let found = config.pointer(place).unwrap_or(&Value::Null);
        ensure!(*found == expected, "{image}: {place} is {found}, not {expected}");
    }
    let title = config.pointer("/Labels/org.opencontainers.image.title");
    ensure!(title == Some(&Value::from("ampsync")), "{image} has no title");
    let files = files(image)?;
    let programs: Vec<_> = files.iter().filter(|file| file.runs).map(|file| &file.path).collect();
    ensure!(programs == [PROGRAM], "{image} has other programs than its own: {programs:?}");
    let roots = "/etc/ssl/certs/ca-certificates.crt";
    ensure!(files.iter().any(|file| file.path == roots), "{image} has no CA roots");
    println!("{image}: one program, no shell, CA roots, not root");
    Ok(())
}

struct File {
    path: String,
    /// Whether it is a program.
    runs: bool,
}

/// The files of an image.
fn files(image: &str) -> Result<Vec<File>> {
    let container = read(&mut docker(&["create", image]))?;
    let listed = list(&container);
    read(&mut docker(&["rm", &container]))?;
    let listed = listed?;
    // `-rwxr-xr-x 0/0 123 2026-01-01 00:00 usr/local/bin/ampsync`
    let file = |line: &str| {
        let mut words = line.split_whitespace();
        let mode = words.next().filter(|mode| mode.starts_with('-'))?;
        let empty = words.nth(1)? == "0";
        let path = format!("/{}", words.nth(2)?);
        // Empty are the files that the engine puts others over.
        Some(File { path, runs: mode.contains('x') && !empty })
    };
    let files: Vec<_> = listed.lines().filter_map(file).collect();
    if files.is_empty() {
        bail!("{image} has no files, as tar lists them:\n{listed}");
    }
    Ok(files)
}

fn list(container: &str) -> Result<String> {
    let mut export = docker(&["export", container]);
    let mut export =
        export.stdout(std::process::Stdio::piped()).spawn().context("docker export")?;
    let archive = export.stdout.take().context("docker export has no output")?;
    let listed = read(command("tar", &["-tvf", "-"]).stdin(archive));
    let status = export.wait().context("could not wait for docker export")?;
    ensure!(status.success(), "docker export ended with {status}");
    listed
}

fn bytes(image: &str) -> Result<u64> {
    let size = read(&mut docker(&["image", "inspect", "--format", "{{.Size}}", image]))?;
    size.parse().with_context(|| format!("the size of {image} is {size:?}"))
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "for people to read")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
