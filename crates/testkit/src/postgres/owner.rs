use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::ClusterError;

/// The user that owns a cluster and runs its processes.
///
/// PostgreSQL refuses root. Root therefore becomes `postgres`, or `nobody` where that does not
/// exist; everybody else stays as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
    /// Whether this process is somebody else, and has to become the owner.
    other: bool,
}

impl Owner {
    pub(super) fn find() -> Result<Self, ClusterError> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { uid: uid.as_raw(), gid, other: false });
        }
        let path = "/etc/passwd";
        let users = fs::read_to_string(path).map_err(ClusterError::io("read", path))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| lookup(&users, name))
            .map(|(uid, gid)| Self { uid, gid, other: true })
            .ok_or(ClusterError::NoUser)
    }

    pub(super) fn uid(self) -> u32 {
        self.uid
    }

    /// A command that will run as the owner, in a folder it may enter, in English.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C");
        // Setting even one's own ids takes privileges.
        if self.other {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a file or folder to the owner.
    pub(super) fn give(self, path: &Path) -> Result<(), ClusterError> {
        if !self.other {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).map_err(ClusterError::io("give away", path))
    }
}

fn lookup(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let (_password, uid, gid) = (fields.next()?, fields.next()?, fields.next()?);
        Some((uid.parse().ok()?, gid.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104:a,b:/:/x\n";
        assert_eq!(lookup(users, "postgres"), Some((101, 104)));
        assert_eq!(lookup(users, "post"), None);
    }
}
