use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode as ConfigSslMode, SslNegotiation};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls};

use super::{Client, ConnectOptions, Server};
use crate::error::{Error, ServerFailure};
use crate::server_error::ServerError;
use crate::session::CONNECT_TIMEOUT;
use crate::tls::{SslMode, TlsError};

/// What is being done, for errors.
pub(super) const DOING: &str = "connect to the database";

impl ConnectOptions {
    /// Connects to the first server that takes us.
    pub(crate) async fn open(&self) -> Result<Client, Error> {
        let mut servers: Vec<&Server> = self.servers.iter().collect();
        if self.shuffled {
            fastrand::shuffle(&mut servers);
        }
        let mut failures = Vec::new();
        for server in servers {
            match self.open_at(server).await {
                Ok(client) => return Ok(client),
                Err(source) => failures.push(ServerFailure { server: server.to_string(), source }),
            }
        }
        Err(match <[ServerFailure; 1]>::try_from(failures) {
            Ok([ServerFailure { source, .. }]) => Error::Server { doing: DOING, source },
            Err(failures) => Error::Servers { failures },
        })
    }

    /// A server that takes the connection and says nothing must not keep us from the next.
    async fn open_at(&self, server: &Server) -> Result<Client, ServerError> {
        let limit = self.connect_timeout();
        let expired = ServerError::no_answer(limit);
        timeout(limit, Box::pin(self.negotiate(server))).await.unwrap_or(Err(expired))
    }

    pub(super) fn connect_timeout(&self) -> std::time::Duration {
        self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT)
    }

    /// Connects with or without TLS, as the mode has it.
    async fn negotiate(&self, server: &Server) -> Result<Client, ServerError> {
        match self.tls.mode {
            // Nobody can listen to a socket in the file system.
            _ if server.is_local() => self.plain(server).await,
            SslMode::Disable => self.plain(server).await,
            SslMode::Allow => match self.plain(server).await {
                Err(refusal) if refusal.is_answer() => {
                    let secured = self.secured(server, ConfigSslMode::Require).await.0;
                    secured.map_err(|error| {
                        // If that is no better, the server's own words tell more.
                        let tells_more = error.is_answer() || error.is_mistake_of_ours();
                        if tells_more { error } else { refusal }
                    })
                }
                other => other,
            },
            SslMode::Prefer => match self.secured(server, ConfigSslMode::Prefer).await {
                // With what the first attempt said, because TLS was preferred.
                (Err(error), true) => self.plain(server).await.map_err(|_| error),
                (other, _) => other,
            },
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                self.secured(server, ConfigSslMode::Require).await.0
            }
        }
    }

    async fn plain(&self, server: &Server) -> Result<Client, ServerError> {
        let mut config = self.config_for(server, ConfigSslMode::Disable);
        config.ssl_negotiation(SslNegotiation::Postgres);
        Client::open(&config, NoTls).await.map_err(ServerError::from)
    }

    /// Connects with TLS, and says whether the server had agreed to speak it.
    async fn secured(
        &self,
        server: &Server,
        mode: ConfigSslMode,
    ) -> (Result<Client, ServerError>, bool) {
        let config = self.config_for(server, mode);
        let direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        let inner = match self.tls.connector(direct) {
            Ok(connector) => connector,
            Err(error) => return (Err(error.into()), false),
        };
        let begun = Arc::new(AtomicBool::new(false));
        let connector = Noted { inner, begun: Arc::clone(&begun) };
        let opened = Client::open(&config, connector).await.map_err(|error| {
            match TlsError::of(&error, &server.host()) {
                Some(error) => error.into(),
                None => error.into(),
            }
        });
        (opened, begun.load(Ordering::Relaxed))
    }

    /// The configuration that names this server alone.
    fn config_for(&self, server: &Server, mode: ConfigSslMode) -> Config {
        let mut config = self.config.clone();
        match &server.host {
            Host::Tcp(host) => config.host(host),
            #[cfg(unix)]
            Host::Unix(folder) => config.host_path(folder),
        };
        if let Some(address) = server.address {
            config.hostaddr(address);
        }
        config.port(server.port).ssl_mode(mode);
        config
    }
}

impl Server {
    fn is_local(&self) -> bool {
        match &self.host {
            Host::Tcp(_) => false,
            #[cfg(unix)]
            Host::Unix(_) => self.address.is_none(),
        }
    }
}

/// A connector that notes whether a handshake was begun.
#[derive(Clone)]
struct Noted<T> {
    inner: T,
    begun: Arc<AtomicBool>,
}

impl<S, T: MakeTlsConnect<S>> MakeTlsConnect<S> for Noted<T> {
    type Stream = T::Stream;
    type TlsConnect = Noted<T::TlsConnect>;
    type Error = T::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, T::Error> {
        let inner = self.inner.make_tls_connect(domain)?;
        Ok(Noted { inner, begun: Arc::clone(&self.begun) })
    }
}

impl<S, T: TlsConnect<S>> TlsConnect<S> for Noted<T> {
    type Stream = T::Stream;
    type Error = T::Error;
    type Future = T::Future;

    fn connect(self, stream: S) -> T::Future {
        self.begun.store(true, Ordering::Relaxed);
        self.inner.connect(stream)
    }
}
