use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::OnceCell;
use tokio_postgres::Config;

use super::error::ClusterError;
use super::keeper::Keeper;
use super::owner::Owner;
use super::programs::Programs;
use super::session::{Session, connect};
use super::template;

/// What every cluster is told: nobody will miss its data after a power cut.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    ("max_wal_size", "1GB"),
    ("unix_socket_permissions", "0700"),
    ("log_line_prefix", "%m [%p] "),
];
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// How many ports are tried: between choosing a free one and using it, anybody may take it.
const PORTS: u32 = 5;

/// A private PostgreSQL server on `127.0.0.1`, in a folder of its own.
///
/// Over TCP its superuser `postgres` logs in with a random password (SCRAM). Dropping it stops
/// the server at once and removes its folder, and so does any other end of the process, even
/// `SIGKILL`. It holds nothing of an async runtime and may live in a static: see [`shared`].
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    owner: Owner,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    password: String,
    port: u16,
    server: Option<Child>,
    /// Dropped after [`Cluster::drop`] has run: it then has only the folder to remove.
    _keeper: Keeper,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Disconnects the clients, undoes their transactions and writes everything to disk.
    Fast,
    /// Drops everything, as a crash does: the next start recovers from the log.
    Immediate,
}

impl Cluster {
    /// Starts a cluster with the default settings.
    ///
    /// # Errors
    /// When there is no PostgreSQL on the machine, or it does not start.
    pub async fn start() -> Result<Self, ClusterError> {
        Self::start_with(&[]).await
    }

    /// Starts a cluster with settings as in `postgresql.conf`, which go before the default ones.
    ///
    /// # Errors
    /// When there is no PostgreSQL on the machine, it refuses a setting, or does not start.
    pub async fn start_with(settings: &[(&str, &str)]) -> Result<Self, ClusterError> {
        // Looking for the programs runs some.
        match tokio::task::spawn_blocking(Programs::find).await {
            Ok(programs) => Self::start_version(programs?, settings).await,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Starts a cluster of whichever version `programs` are, with settings as in
    /// `postgresql.conf`, which go before the default ones.
    ///
    /// # Errors
    /// When it refuses a setting, or does not start.
    pub async fn start_version(
        programs: Programs,
        settings: &[(&str, &str)],
    ) -> Result<Self, ClusterError> {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        // Copying the template would hold up everything else on the caller's thread.
        let made = tokio::task::spawn_blocking(|| Self::create(programs, settings)).await;
        let mut cluster = match made {
            Ok(made) => made?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        cluster.launch_anywhere().await?;
        let session = cluster.admin("postgres").await?;
        let password = &cluster.password;
        session.batch_execute(&format!("ALTER ROLE postgres PASSWORD '{password}'")).await?;
        Ok(cluster)
    }

    /// Starts a standby of this server, which follows it and only reads. The server is stopped
    /// for as long as it is being copied.
    ///
    /// # Errors
    /// When the server cannot be copied, or it or the copy does not start.
    pub async fn standby(&mut self) -> Result<Self, ClusterError> {
        let folder = Self::new_folder(self.owner)?;
        let keeper = Keeper::of_cluster(self.owner, &folder)?;
        let data = folder.join("data");
        self.stop(Stop::Fast)?;
        let mut copy = self.owner.command(Path::new("cp"));
        copy.arg("-R").arg(self.folder.join("data")).arg(&data);
        match tokio::task::spawn_blocking(move || template::run(&mut copy)).await {
            Ok(copied) => copied?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
        self.resume().await?;
        let (host, port) = (self.folder.display(), self.port);
        let settings = [
            self.settings.as_slice(),
            &[("primary_conninfo".to_owned(), format!("host={host} port={port} user=postgres"))],
        ];
        let mut standby = Self {
            programs: self.programs.clone(),
            owner: self.owner,
            folder,
            settings: settings.concat(),
            password: self.password.clone(),
            port: 0,
            server: None,
            _keeper: keeper,
        };
        standby.write("standby.signal", "")?;
        standby.launch_anywhere().await?;
        Ok(standby)
    }

    fn new_folder(owner: Owner) -> Result<PathBuf, ClusterError> {
        // Short, because the path of a socket may have only about a hundred bytes.
        let folder = std::env::temp_dir().join(format!("pg-{:012x}", fastrand::u64(..1 << 48)));
        template::make_folder(owner, &folder)?;
        Ok(folder)
    }

    fn create(programs: Programs, settings: Vec<(String, String)>) -> Result<Self, ClusterError> {
        let owner = Owner::find()?;
        let folder = Self::new_folder(owner)?;
        let keeper = Keeper::of_cluster(owner, &folder)?;
        template::instantiate(&programs, owner, &folder.join("data"))?;
        let password = format!("{:032x}", fastrand::u128(..));
        Ok(Self {
            programs,
            owner,
            folder,
            settings,
            password,
            port: 0,
            server: None,
            _keeper: keeper,
        })
    }

    /// Where the server listens, also while it is stopped.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The server's first process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// The superuser's URL for a database. It stays the same over stops and starts.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_via(self.addr(), database)
    }

    /// The same by way of `addr`, where a proxy listens.
    #[must_use]
    pub fn url_via(&self, addr: SocketAddr, database: &str) -> String {
        format!("postgresql://postgres:{}@{addr}/{database}?sslmode=disable", self.password)
    }

    /// The superuser's connection settings for a database.
    #[must_use]
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config
            .host(self.addr().ip().to_string())
            .port(self.port)
            .user("postgres")
            .password(&self.password)
            .dbname(database);
        config
    }

    /// Connects to a database as the superuser.
    ///
    /// # Errors
    /// When the server is stopped, or the database does not exist.
    pub async fn connect(&self, database: &str) -> Result<Session, tokio_postgres::Error> {
        connect(&self.config(database)).await
    }

    /// Makes an empty database and returns its name.
    ///
    /// # Errors
    /// When the server is stopped or refuses.
    pub async fn create_database(&self) -> Result<String, ClusterError> {
        let name = format!("db_{:012x}", fastrand::u64(..1 << 48));
        let session = self.admin("postgres").await?;
        session.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        Ok(name)
    }

    /// Writes a file into the data directory, for nobody but the server, and returns its path.
    /// `postgresql.conf` and what it names are read by the next start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, ClusterError> {
        let path = self.folder.join("data").join(name);
        fs::write(&path, text).map_err(ClusterError::io("write", &path))?;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, private).map_err(ClusterError::io("protect", &path))?;
        self.owner.give(&path)?;
        Ok(path)
    }

    /// The folder of the server's socket, over which the superuser needs no password.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The user that runs the server, and may run what belongs to it.
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// The superuser's password.
    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// The end of the server's log.
    #[must_use]
    pub fn log(&self) -> String {
        log_tail(&self.log_path())
    }

    /// Where PostgreSQL's programs are, such as `psql`.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Stops the server. Nothing happens when it is stopped already.
    ///
    /// # Errors
    /// When the server cannot be signalled.
    ///
    /// # Panics
    /// When a server that was told to stop is still there half a minute later and cannot be
    /// killed.
    pub fn stop(&mut self, how: Stop) -> Result<(), ClusterError> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        let signal = match how {
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        };
        let failed = |source| ClusterError::io("stop", &self.folder)(source);
        // A server that ended by itself is not reaped yet, so its id is still its own.
        kill_process(Pid::from_child(&server), signal).map_err(|errno| failed(errno.into()))?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while server.try_wait().map_err(failed)?.is_none() {
            if Instant::now() > deadline {
                server.kill().map_err(failed)?;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Stops the server as a crash would. What was committed with `synchronous_commit` on is
    /// there after [`resume`](Cluster::resume); what was in flight is not.
    ///
    /// # Errors
    /// When the server cannot be signalled.
    pub fn crash(&mut self) -> Result<(), ClusterError> {
        self.stop(Stop::Immediate)
    }

    /// Starts a stopped server again, on the same port, and returns when it answers.
    ///
    /// # Errors
    /// When it does not start, for example because somebody took the port meanwhile.
    pub async fn resume(&mut self) -> Result<(), ClusterError> {
        if self.server.is_none() {
            self.launch().await?;
        }
        Ok(())
    }

    /// Stops the server properly and starts it again.
    ///
    /// # Errors
    /// When it does not stop or does not start.
    pub async fn restart(&mut self) -> Result<(), ClusterError> {
        self.stop(Stop::Fast)?;
        self.resume().await
    }

    /// A session over the socket in the folder, which asks for no password.
    async fn admin(&self, database: &str) -> Result<Session, tokio_postgres::Error> {
        let mut config = Config::new();
        config.host_path(&self.folder).port(self.port).user("postgres").dbname(database);
        connect(&config).await
    }

    /// Starts the server on any free port.
    async fn launch_anywhere(&mut self) -> Result<(), ClusterError> {
        let mut tries = 1;
        loop {
            self.port = free_port().map_err(ClusterError::io("find a port on", "127.0.0.1"))?;
            match self.launch().await {
                Err(ClusterError::Start { log })
                    if log.contains("could not bind") && tries < PORTS =>
                {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn launch(&mut self) -> Result<(), ClusterError> {
        let log = self.log_path();
        let output = File::create(&log).map_err(ClusterError::io("create", &log))?;
        let errors = output.try_clone().map_err(ClusterError::io("write", &log))?;
        let mut command = self.owner.command(&self.programs.path("postgres"));
        command.arg("-D").arg(self.folder.join("data")).arg("-p").arg(self.port.to_string());
        command.arg("-k").arg(&self.folder);
        let settings = self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        // The later of two settings counts.
        for (key, value) in SETTINGS.iter().copied().chain(settings) {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let program = self.programs.path("postgres");
        self.server = Some(command.spawn().map_err(ClusterError::io("run", program))?);
        self.ready().await
    }

    /// Waits until the server takes connections.
    async fn ready(&mut self) -> Result<(), ClusterError> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if self.admin("postgres").await.is_ok() {
                return Ok(());
            }
            let failed = ClusterError::io("wait for", &self.folder);
            let ended = match &mut self.server {
                Some(server) => server.try_wait().map_err(failed)?.is_some(),
                None => true,
            };
            if ended {
                self.server = None;
            }
            if ended || Instant::now() > deadline {
                return Err(ClusterError::Start { log: self.log() });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The keeper tries again, and removes the folder.
        self.stop(Stop::Immediate).ok();
    }
}

/// The cluster that all tests of this process share, started by the first to ask; each makes a
/// database of its own in it. It goes with the process.
///
/// # Panics
/// When it does not start: then no test that needs it can pass.
pub async fn shared() -> &'static Cluster {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    let start = || async {
        match Cluster::start().await {
            Ok(cluster) => cluster,
            Err(error) => panic!("no PostgreSQL to test with: {error}"),
        }
    };
    SHARED.get_or_init(start).await
}

pub(super) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn log_tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
