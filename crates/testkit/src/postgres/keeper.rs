use std::path::Path;
use std::process::{Child, Stdio};

use std::os::unix::process::CommandExt;

use super::error::ClusterError;
use super::owner::Owner;

/// A shell that outlives this process by a moment: its script waits for the end of a pipe, which
/// comes however the process ends, and then clears up.
///
/// Whoever holds one may do the same when dropped, and faster; but a process that is killed drops
/// nothing, and neither does one that ends with a server in a static.
#[derive(Debug)]
pub(super) struct Keeper {
    shell: Child,
}

/// Stops the cluster's server and removes the cluster's folder.
///
/// A server that ends removes its `postmaster.pid`. The process itself may stay longer, as a
/// zombie that nobody reaps, and its id must not be waited for.
const CLUSTER: &str = r#"
cat >/dev/null
running="$1/data/postmaster.pid"
pid=$(head -n 1 "$running" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -QUIT "$pid" 2>/dev/null
  left=100
  while [ -e "$running" ] && [ "$left" -gt 0 ]; do
    sleep 0.1
    left=$((left - 1))
  done
fi
rm -rf "$1"
"#;

impl Keeper {
    /// Keeps the cluster whose folder is `folder`, with its data in `data` there.
    pub(super) fn of_cluster(owner: Owner, folder: &Path) -> Result<Self, ClusterError> {
        Self::start(owner, CLUSTER, &[folder])
    }

    /// Runs a script for the shell with these arguments; it has to end when its stdin does.
    pub(super) fn start(
        owner: Owner,
        script: &str,
        arguments: &[&Path],
    ) -> Result<Self, ClusterError> {
        let shell = owner
            .command(Path::new("/bin/sh"))
            .args(["-c", script, "keeper"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A ctrl-c, or a test runner that kills a whole group, must not reach it.
            .process_group(0)
            .spawn()
            .map_err(ClusterError::io("run", "/bin/sh"))?;
        Ok(Self { shell })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}
