//! The images that others are built from: the official ones, or, where no registry is reached,
//! local ones. They are made once and stay in the engine, under names that begin with
//! `ampsync-local-`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Options;
use super::engine::{command, docker, has_image, read, text};
use crate::cargo::{cargo, root, run, succeeds};

/// What users build with, as the Dockerfile and the compose files say.
const OFFICIAL_BUILDER: &str = "rust:1.95-slim-bookworm";
const OFFICIAL_POSTGRES: &str = "postgres:17";
/// What a Debian needs to build ampsync and to run PostgreSQL.
const PACKAGES: &str = "ca-certificates,gcc,libc6-dev,postgresql";
/// What no image needs, and every step would carry.
const UNNEEDED: &[&str] = &["doc", "man", "locale", "i18n", "info"];

/// What images are built from and with; `None` is the official one.
#[derive(Clone, Debug)]
pub(super) struct Bases {
    pub(super) builder: Option<String>,
    pub(super) postgres: Option<String>,
}

impl Bases {
    /// Those that were chosen, or the official ones, or local ones.
    ///
    /// # Errors
    /// When there is no way to have any. [`NoBase`] says why, if that is the machine's fault.
    pub(super) fn find(options: &Options) -> Result<Self> {
        if let (Some(builder), Some(postgres)) = (&options.builder_image, &options.postgres_image) {
            println!("bases: {builder} and {postgres}, as chosen");
            return Ok(Self { builder: Some(builder.clone()), postgres: Some(postgres.clone()) });
        }
        let missing = [OFFICIAL_BUILDER, OFFICIAL_POSTGRES].into_iter().try_for_each(pull);
        let found = match missing {
            Ok(()) => {
                println!("bases: the official images");
                Self { builder: None, postgres: None }
            }
            Err(error) => {
                println!("bases: local ones, since the official ones cannot be had ({error:#})");
                local()?
            }
        };
        Ok(Self {
            builder: options.builder_image.clone().or(found.builder),
            postgres: options.postgres_image.clone().or(found.postgres),
        })
    }
}

/// Why there is nothing that images could be built from.
#[derive(Debug)]
pub(super) struct NoBase;

impl NoBase {
    pub(super) const REASON: &str =
        "no registry is reached, and mmdebstrap, which makes a local base, is missing";
}

impl std::fmt::Display for NoBase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::REASON)
    }
}

impl std::error::Error for NoBase {}

fn pull(image: &str) -> Result<()> {
    if has_image(image) {
        return Ok(());
    }
    read(&mut docker(&["pull", "--quiet", image])).map(drop)
}

fn local() -> Result<Bases> {
    let base = debian()?;
    Ok(Bases { builder: Some(builder(&base)?), postgres: Some(postgres(&base)?) })
}

/// A small Debian with a compiler and PostgreSQL.
fn debian() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value =
        |key: &str| release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let suite = value("VERSION_CODENAME").filter(|_| value("ID") == Some("debian"));
    let suite = suite.unwrap_or("bookworm");
    let name = format!("ampsync-local-debian:{suite}-{}", key(&(PACKAGES, UNNEEDED)));
    if has_image(&name) {
        return Ok(name);
    }
    install_mmdebstrap()?;
    let tar = folder()?.join("debian.tar");
    let mut make = command("mmdebstrap", &["--variant=minbase", "--quiet"]);
    make.arg(format!("--include={PACKAGES}"));
    for unneeded in UNNEEDED {
        make.arg(format!("--dpkgopt=path-exclude=/usr/share/{unneeded}/*"));
    }
    run(make.arg(suite).arg(&tar))?;
    read(&mut docker(&["import", &text(&tar)?, &name]))?;
    fs::remove_file(&tar).context("could not remove the archive")?;
    Ok(name)
}

fn install_mmdebstrap() -> Result<()> {
    let there = || succeeds(&mut command("mmdebstrap", &["--version"]));
    if there() {
        return Ok(());
    }
    if rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists() {
        let install = ["install", "-y", "--no-install-recommends", "mmdebstrap"];
        succeeds(&mut command("apt-get", &["update"]));
        succeeds(command("apt-get", &install).env("DEBIAN_FRONTEND", "noninteractive"));
    }
    if there() { Ok(()) } else { bail!(NoBase) }
}

/// The Debian with this machine's Rust and, since it has no network, every crate in the lock file.
fn builder(base: &str) -> Result<String> {
    let lock =
        fs::read_to_string(root().join("Cargo.lock")).context("could not read Cargo.lock")?;
    let sysroot = PathBuf::from(read(&mut command("rustc", &["--print", "sysroot"]))?);
    let rust = read(&mut command("rustc", &["--version", "--verbose"]))?;
    let name = format!("ampsync-local-rust:{}", key(&(base, &rust, &lock)));
    if has_image(&name) {
        return Ok(name);
    }
    let host = rust.lines().find_map(|line| line.strip_prefix("host: "));
    let crates = crates(host.context("rustc does not say where it runs")?)?;
    let container = read(&mut docker(&["create", base, "true"]))?;
    let made = fill(&container, &sysroot, &crates).and_then(|()| {
        let commit = ["commit", "--change", "ENV CARGO_HOME=/usr/local/cargo", &container, &name];
        read(&mut docker(&commit))
    });
    read(&mut docker(&["rm", &container]))?;
    made?;
    let all = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "ampsync-local-rust"];
    for old in read(&mut docker(&all))?.lines().filter(|other| *other != name) {
        // One that is in use stays.
        succeeds(&mut docker(&["image", "rm", old]));
    }
    Ok(name)
}

fn fill(container: &str, sysroot: &Path, crates: &Path) -> Result<()> {
    let copies = [
        (sysroot.join("bin/cargo"), "/usr/local/bin/cargo"),
        (sysroot.join("bin/rustc"), "/usr/local/bin/rustc"),
        (sysroot.join("lib/."), "/usr/local/lib"),
        (crates.to_owned(), "/usr/local/cargo"),
    ];
    for (from, to) in copies {
        read(&mut docker(&["cp", &text(&from)?, &format!("{container}:{to}")]))?;
    }
    Ok(())
}

/// A folder that is a Cargo home with nothing in it but the crates of the lock file, packed.
fn crates(host: &str) -> Result<PathBuf> {
    let home = folder()?.join("cargo");
    let mut fetch = cargo();
    fetch.args(["fetch", "--locked", "--target", host]).env("CARGO_HOME", &home);
    run(&mut fetch)?;
    let unpacked = home.join("registry/src");
    if unpacked.exists() {
        fs::remove_dir_all(unpacked).context("could not remove the unpacked crates")?;
    }
    let config = home.join("config.toml");
    fs::write(config, "[net]\noffline = true\n").context("could not write Cargo's config")?;
    Ok(home)
}

fn postgres(base: &str) -> Result<String> {
    let here = root().join("docker/local");
    let read_text =
        |name: &str| fs::read_to_string(here.join(name)).with_context(|| name.to_owned());
    let (file, script) = (read_text("postgres.Dockerfile")?, read_text("postgres.sh")?);
    let name = format!("ampsync-local-postgres:{}", key(&(base, file, script)));
    if !has_image(&name) {
        let base = format!("BASE={base}");
        let file = "docker/local/postgres.Dockerfile";
        run(&mut docker(&[
            "build",
            "-q",
            "-f",
            file,
            "--build-arg",
            &base,
            "-t",
            &name,
            "docker/local",
        ]))?;
    }
    Ok(name)
}

/// Where archives and crates are put together.
fn folder() -> Result<PathBuf> {
    let folder = root().join("target/docker");
    fs::create_dir_all(&folder).context("could not make a folder for images")?;
    Ok(folder)
}

/// What an image is made of, as part of its name: another one is made when that changes.
fn key(of: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
