//! The demo's compose file, brought up and removed.

use std::fs;

use anyhow::{Context, Result, bail};

use super::bases::Bases;
use super::engine::{self, command, text};
use super::images::Images;
use crate::cargo::{root, run, succeeds};

const FILE: &str = "docker/compose.demo.yaml";
/// How long a block takes. The demo's second is for people.
const BLOCK_INTERVAL_MS: &str = "300";

/// What runs. Dropping it removes containers, networks and volumes.
#[derive(Debug)]
pub(super) struct Project {
    compose: Compose,
    name: String,
    variables: Vec<(&'static str, String)>,
}

/// How Compose is called here, and by which file.
#[derive(Clone, Debug)]
pub(super) struct Compose {
    words: Vec<String>,
}

impl Compose {
    /// The plugin, or the program of old.
    pub(super) fn find() -> Option<Self> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        if succeeds(&mut engine::docker(&["compose", "version"])) {
            return Some(Self { words: words(&["docker", "compose"]) });
        }
        let old = succeeds(&mut command("docker-compose", &["version"]));
        old.then(|| Self { words: words(&["docker-compose"]) })
    }

    /// The demo's file as this Compose reads it: the program of old does not know `name`.
    fn file(&self) -> Result<String> {
        if self.words.len() > 1 {
            return Ok(FILE.to_owned());
        }
        let demo = fs::read_to_string(root().join(FILE)).with_context(|| FILE.to_owned())?;
        let lines = demo.lines().filter(|line| !line.starts_with("name:"));
        let copy = root().join("target/docker/compose.demo.yaml");
        fs::create_dir_all(root().join("target/docker")).context("could not make a folder")?;
        fs::write(&copy, lines.collect::<Vec<_>>().join("\n"))
            .context("could not copy the file")?;
        text(&copy)
    }
}

impl Project {
    /// Starts everything. Returns when PostgreSQL is healthy and the rest has started.
    pub(super) fn up(mut compose: Compose, bases: &Bases, images: &Images) -> Result<Self> {
        let name = format!("ampsync-trial-{}", std::process::id());
        let file = compose.file()?;
        let more = ["--project-name", &name, "--project-directory", "docker", "--file", &file];
        compose.words.extend(more.map(str::to_owned));
        let mut variables = vec![
            ("AMPSYNC_IMAGE", images.ampsync.clone()),
            ("NOZZLE_SIM_IMAGE", images.nozzle_sim.clone()),
            ("BLOCK_INTERVAL_MS", BLOCK_INTERVAL_MS.to_owned()),
            // Any port that is free.
            ("HEALTH_PORT", "0".to_owned()),
        ];
        variables.extend(bases.postgres.clone().map(|image| ("POSTGRES_IMAGE", image)));
        // From here on it is removed, however far it came.
        let project = Self { compose, name, variables };
        run(&mut project.command(&["up", "--detach", "--no-build"]))?;
        Ok(project)
    }

    /// The container of a service.
    pub(super) fn container(&self, service: &str) -> Result<String> {
        let id = engine::read(&mut self.command(&["ps", "--quiet", service]))?;
        if id.is_empty() || id.contains('\n') {
            bail!("{service} is not one container but {id:?}");
        }
        Ok(id)
    }

    /// The full name of a network.
    pub(super) fn network(&self, name: &str) -> String {
        format!("{}_{name}", self.name)
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let words = self.compose.words.iter().map(String::as_str).chain(arguments.iter().copied());
        let words: Vec<&str> = words.collect();
        let (program, arguments) =
            words.split_first().map_or(("docker", &[][..]), |(p, a)| (*p, a));
        let mut command = command(program, arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let down = ["down", "--volumes", "--remove-orphans", "--timeout", "5"];
        if let Err(error) = engine::read(&mut self.command(&down)) {
            eprintln!("the demo was not removed: {error:#}");
        }
    }
}
