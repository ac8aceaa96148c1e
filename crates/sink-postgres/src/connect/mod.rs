//! Where a database is, and how it is connected to.

mod client;
mod conninfo;
mod open;
mod parameters;
mod pooler;
mod text;

use std::fmt;
use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode as ConfigSslMode};

use crate::error::Error;
use crate::tls::{SslMode, TlsOptions};

pub(crate) use client::Client;
pub use conninfo::{Conninfo, ConninfoError, ConninfoProblem};

const PORT: u16 = 5432;

/// Where a database is, who we are there, and how the connection is secured: what libpq calls the
/// connection parameters.
///
/// Made from a URL or a `key=value` text by [`Conninfo`], or from a [`tokio_postgres::Config`],
/// whose `sslmode` it takes over:
///
/// ```
/// use sink_postgres::{ConnectOptions, Database, DatabaseOptions, RootCertificates, TlsOptions};
///
/// # fn database() -> Result<(), Box<dyn std::error::Error>> {
/// // All in one text, as psql takes it:
/// let target: ConnectOptions = "postgres://ampsync@db.internal/app\
///     ?sslmode=verify-full&sslrootcert=/etc/ssl/db-ca.pem"
///     .parse()?;
/// let database = Database::connect(target, &DatabaseOptions::default())?;
///
/// // Or by its parts:
/// let mut config = tokio_postgres::Config::new();
/// config.host("db.internal").user("ampsync").dbname("app");
/// let roots = RootCertificates::File("/etc/ssl/db-ca.pem".into());
/// let target = ConnectOptions::from(config).with_tls(TlsOptions::verify_full(roots));
/// let database = Database::connect(target, &DatabaseOptions::default())?;
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async { database().unwrap() });
/// ```
#[derive(Clone)]
pub struct ConnectOptions {
    /// All but the servers.
    config: Config,
    /// In the order in which they are tried.
    servers: Vec<Server>,
    tls: TlsOptions,
    /// Whether they are tried in any order instead.
    shuffled: bool,
}

/// One server that may be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    host: Host,
    /// Where the host is, unless its name has to be asked for.
    address: Option<IpAddr>,
    port: u16,
}

impl Server {
    /// The host alone, for people.
    fn host(&self) -> String {
        match &self.host {
            Host::Tcp(host) => host.clone(),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host();
        // The port of an IPv6 address is told apart by brackets.
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}

impl ConnectOptions {
    /// The same with TLS as these options have it.
    #[must_use]
    pub fn with_tls(self, tls: TlsOptions) -> Self {
        Self { tls, ..self }
    }

    /// How the connections are secured.
    #[must_use]
    pub fn tls(&self) -> &TlsOptions {
        &self.tls
    }

    /// All parameters but the servers and what belongs to TLS.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Which database it is, for people: hosts, ports and name, and no secrets.
    #[must_use]
    pub fn label(&self) -> String {
        let servers: Vec<_> = self.servers.iter().map(ToString::to_string).collect();
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or("?");
        format!("{}/{name}", servers.join(","))
    }

    /// Connects twice, logs in, and disconnects, to learn whether a [`Database`](crate::Database)
    /// could work: nothing is written. No answer is waited for longer than the parameter
    /// `connect_timeout`, ten seconds by default.
    ///
    /// # Errors
    /// Why it could not. A refused login or certificate cannot pass here, while one in the middle
    /// of the work may: it has worked before.
    ///
    /// # Cancellation
    /// Dropping the future closes its connections.
    pub async fn probe(&self) -> Result<(), Error> {
        self.check()?;
        pooler::check(self).await
    }

    /// What can be said without connecting.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.servers.is_empty() {
            return Err(Error::Settings("no host is named"));
        }
        self.tls.check().map_err(|error| Error::Tls(Box::new(error)))
    }

    /// The same with other parameters.
    pub(crate) fn map_config(self, map: impl FnOnce(Config) -> Config) -> Self {
        Self { config: map(self.config), ..self }
    }
}

impl From<Config> for ConnectOptions {
    fn from(config: Config) -> Self {
        let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
        let ports = config.get_ports();
        let server = |index: usize| {
            let address = addresses.get(index).copied();
            // Without a name, the address is what the certificate has to be for.
            let named = address.map(|address| Host::Tcp(address.to_string()));
            let host = hosts.get(index).cloned().or(named)?;
            let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(PORT);
            Some(Server { host, address, port })
        };
        let servers = (0..hosts.len().max(addresses.len())).filter_map(server).collect();
        let mode = match config.get_ssl_mode() {
            ConfigSslMode::Disable => SslMode::Disable,
            ConfigSslMode::Prefer => SslMode::Prefer,
            // Whatever a later version adds is not weakened.
            ConfigSslMode::Require | _ => SslMode::Require,
        };
        Self {
            shuffled: config.get_load_balance_hosts() == LoadBalanceHosts::Random,
            tls: TlsOptions { mode, ..TlsOptions::default() },
            servers,
            config: without_servers(&config),
        }
    }
}

/// Everything else that `config` says.
fn without_servers(config: &Config) -> Config {
    let mut rest = Config::new();
    if let Some(user) = config.get_user() {
        rest.user(user);
    }
    if let Some(password) = config.get_password() {
        rest.password(password);
    }
    if let Some(name) = config.get_dbname() {
        rest.dbname(name);
    }
    if let Some(options) = config.get_options() {
        rest.options(options);
    }
    if let Some(name) = config.get_application_name() {
        rest.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        rest.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        rest.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        rest.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        rest.keepalives_retries(retries);
    }
    rest.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    rest
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration hides its password itself.
        f.debug_struct("ConnectOptions")
            .field("servers", &self.servers)
            .field("tls", &self.tls)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
