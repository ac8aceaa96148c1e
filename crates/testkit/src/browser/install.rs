use std::env;
use std::path::{Path, PathBuf};

use crate::postgres::{InstallError, apt, may_install};

/// What the program is called, by whoever packages it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// There is no browser to test with.
#[derive(Debug, thiserror::Error)]
pub enum BrowserMissing {
    /// It has to be installed by a person.
    #[error("there is no Chromium on the PATH; on Debian: apt-get install -y chromium")]
    ByHand,
    /// The package manager could not install it.
    #[error("Chromium could not be installed")]
    Install(#[from] InstallError),
}

/// Finds Chromium; on a Debian where this process is root, installs it first if it is missing.
///
/// # Errors
/// When it is missing and cannot be installed here.
pub fn install_if_missing() -> Result<PathBuf, BrowserMissing> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if !may_install() {
        return Err(BrowserMissing::ByHand);
    }
    apt("apt-get update", &["update"])?;
    let install = ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"];
    apt("apt-get install -y chromium", &install)?;
    find().ok_or(BrowserMissing::ByHand)
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let programs =
        NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.into_iter().find(|program: &PathBuf| Path::is_file(program))
}
