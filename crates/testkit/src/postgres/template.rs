use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::ClusterError;
use super::owner::Owner;
use super::programs::Programs;

/// What `initdb` is told. Changing it needs a new template, hence the number in its name.
const INITDB: &[&str] = &[
    "--username=postgres",
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
    "--wal-segsize=1",
];
const GENERATION: u32 = 1;

/// Makes a fresh data directory at `data`, whose superuser has no password yet.
///
/// `initdb` takes a second and every test wants one, so it runs once for each machine, user and
/// version, and its result is copied.
pub(super) fn instantiate(
    programs: &Programs,
    owner: Owner,
    data: &Path,
) -> Result<(), ClusterError> {
    let template = template(programs, owner)?;
    // `cp` shares the blocks where the file system can, and runs as the owner.
    let mut copy = owner.command(Path::new("cp"));
    run(copy.arg("-R").arg(&template).arg(data))
}

fn template(programs: &Programs, owner: Owner) -> Result<PathBuf, ClusterError> {
    let version: String = programs
        .version()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    let parent = std::env::temp_dir();
    let path = parent.join(format!("ampsync-testkit-{}-{version}-{GENERATION}", owner.uid()));
    // The temporary folder is everybody's: a template that somebody else has planted is not used.
    if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir() && found.uid() == owner.uid()) {
        return Ok(path);
    }
    let draft = parent.join(format!("ampsync-testkit-draft-{:016x}", fastrand::u64(..)));
    let made = make(programs, owner, &draft).and_then(|()| match fs::rename(&draft, &path) {
        Ok(()) => Ok(()),
        // Another process was faster; its template is as good.
        Err(_) if path.is_dir() => Ok(()),
        Err(source) => Err(ClusterError::io("rename a template to", &path)(source)),
    });
    // What a failure, or a slower process, leaves behind; there is nothing after a success.
    fs::remove_dir_all(&draft).ok();
    made.map(|()| path)
}

fn make(programs: &Programs, owner: Owner, draft: &Path) -> Result<(), ClusterError> {
    make_folder(owner, draft)?;
    run(owner.command(&programs.path("initdb")).args(INITDB).arg("--pgdata").arg(draft))
}

/// Makes a folder that only the owner may enter.
pub(super) fn make_folder(owner: Owner, path: &Path) -> Result<(), ClusterError> {
    fs::DirBuilder::new().mode(0o700).create(path).map_err(ClusterError::io("create", path))?;
    owner.give(path)
}

pub(super) fn run(command: &mut Command) -> Result<(), ClusterError> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(ClusterError::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    Err(ClusterError::Program {
        program: program.display().to_string(),
        status: output.status,
        output: String::from_utf8_lossy(&printed).into_owned(),
    })
}
