//! The `docker` command.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::timeout;

use crate::cargo::{root, succeeds};

/// How long a command about containers may take. Images take longer, and are built without a limit.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(180);

/// `docker` with these arguments, run from the root of the workspace.
pub(super) fn docker<S: AsRef<str>>(arguments: &[S]) -> Command {
    command("docker", arguments)
}

/// A command with these arguments, run from the root of the workspace.
pub(super) fn command<S: AsRef<str>>(program: &str, arguments: &[S]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments.iter().map(AsRef::as_ref)).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs a command and returns what it printed, without the last line break.
pub(super) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not run `{}`", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", line(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The same beside other things. Given up, the command is killed.
pub(super) async fn ask(command: Command) -> Result<String> {
    let line = line(&command);
    let output = tokio::process::Command::from(command).kill_on_drop(true).output();
    let output = timeout(COMMAND_TIMEOUT, output)
        .await
        .with_context(|| format!("`{line}` does not end"))?
        .with_context(|| format!("could not run `{line}`"))?;
    if !output.status.success() {
        bail!(
            "`{line}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Everything that a container has printed, on either stream.
pub(super) async fn logs(container: &str) -> Result<String> {
    let mut command = tokio::process::Command::from(docker(&["logs", container]));
    let output =
        command.kill_on_drop(true).output().await.context("could not run `docker logs`")?;
    let streams = [output.stdout, output.stderr];
    Ok(streams.map(|stream| String::from_utf8_lossy(&stream).into_owned()).concat())
}

/// Whether an image of this name is there.
pub(super) fn has_image(name: &str) -> bool {
    succeeds(&mut docker(&["image", "inspect", name]))
}

/// The version of the engine; an error if none answers.
pub(super) fn version() -> Result<String> {
    read(&mut docker(&["version", "--format", "{{.Server.Version}}"]))
}

/// A path as an argument.
pub(super) fn text(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
