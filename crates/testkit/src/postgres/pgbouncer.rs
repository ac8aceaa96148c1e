use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::cluster::{Cluster, free_port};
use super::error::ClusterError;
use super::install::{InstallError, apt};
use super::keeper::Keeper;
use super::template::make_folder;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// A private PgBouncer before a cluster. It lets everybody in, as the cluster's superuser.
/// Dropping it, or any other end of the process, stops it and removes its folder.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    _keeper: Keeper,
}

/// Runs until the end of a pipe, which comes however this process ends.
const SCRIPT: &str = r#"
"$1" "$2/pgbouncer.ini" >"$2/log" 2>&1 </dev/null &
pid=$!
cat >/dev/null
kill -KILL "$pid" 2>/dev/null
rm -rf "$2"
"#;

impl PgBouncer {
    /// Starts one with settings as in the section `pgbouncer` of its file, such as
    /// `("pool_mode", "transaction")`. `None` when it is not to be had on this machine, which is
    /// told on stderr.
    ///
    /// # Errors
    /// When it does not start.
    ///
    /// # Panics
    /// Where `CI` is set, when it is not to be had: nothing is left untested there in silence.
    pub async fn start(
        cluster: &Cluster,
        settings: &[(&str, &str)],
    ) -> Result<Option<Self>, ClusterError> {
        let program = match tokio::task::spawn_blocking(install_if_missing).await {
            Ok(Ok(program)) => program,
            Ok(Err(error)) if std::env::var_os("CI").is_some_and(|ci| !ci.is_empty()) => {
                panic!("no PgBouncer to test with: {error}");
            }
            Ok(Err(error)) => {
                eprintln!("NOT TESTED with PgBouncer, which is not to be had: {error}");
                return Ok(None);
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let port = free_port().map_err(ClusterError::io("find a port on", "127.0.0.1"))?;
        let owner = cluster.owner();
        let folder = std::env::temp_dir().join(format!("pgb-{:012x}", fastrand::u64(..1 << 48)));
        make_folder(owner, &folder)?;
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, ini(cluster, port, settings)).map_err(ClusterError::io("write", &file))?;
        owner.give(&file)?;
        let keeper = Keeper::start(owner, SCRIPT, &[&program, &folder])?;
        let bouncer = Self { port, _keeper: keeper };
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(bouncer.addr()).await.is_err() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(ClusterError::Start { log });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Some(bouncer))
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }
}

fn ini(cluster: &Cluster, port: u16, settings: &[(&str, &str)]) -> String {
    let (server, password) = (cluster.addr(), cluster.password());
    let mut text = format!(
        "[databases]\n\
         * = host={} port={} user=postgres password={password}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n",
        server.ip(),
        server.port()
    );
    for (name, value) in settings {
        text.push_str(&format!("{name} = {value}\n"));
    }
    text
}

/// Finds the program; on a Debian where this process is root, installs it if need be.
fn install_if_missing() -> Result<PathBuf, InstallError> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if !rustix::process::geteuid().is_root() || !Path::new("/etc/debian_version").exists() {
        return Err(InstallError::NoPgBouncer);
    }
    apt("apt-get update", &["update"])?;
    let install = ["install", "-y", "--no-install-recommends", "pgbouncer"];
    apt("apt-get install -y pgbouncer", &install)?;
    find().ok_or(InstallError::NoPgBouncer)
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}
