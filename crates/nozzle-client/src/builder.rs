use std::fmt;
use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};

use crate::client::{Limits, SqlClient};
use crate::endpoint::{self, without_password};
use crate::error::Error;
use crate::secret::Secret;
use crate::trust;

const DECODE_LIMIT_MIB_MAX: u16 = 512;

/// How much the server may send ahead on one stream: two batches of the size it aims for.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// How much it may put into one frame. With HTTP/2's 16 KiB, a message of some megabytes comes in
/// hundreds of frames, each of which is looked at several times on its way.
const FRAME_BYTES: u32 = 256 << 10;

/// How much it may send ahead on all streams of a connection together. As good as no limit, so
/// that streams whose readers wait do not use up what the others need.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;

/// The settings of a [`SqlClient`].
pub struct ClientBuilder {
    endpoint: String,
    token: Option<Secret>,
    ca_certificate: Option<Vec<u8>>,
    decode_limit_mib: u16,
    ping_interval: Duration,
    ping_timeout: Duration,
    connect_timeout: Duration,
    answer_timeout: Duration,
}

impl ClientBuilder {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            token: None,
            ca_certificate: None,
            decode_limit_mib: 32,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
        }
    }

    /// The token for the gateway before the server, sent with every call.
    #[must_use]
    pub fn bearer_token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The certificate authority to trust with `https`, as PEM, instead of the system's own;
    /// several may be in one text. Unless set, the system's are trusted, or those that
    /// `SSL_CERT_FILE` names.
    ///
    /// ```
    /// use nozzle_client::SqlClient;
    ///
    /// # fn client(pem: &str) -> Result<SqlClient, nozzle_client::Error> {
    /// SqlClient::builder("https://amp.internal:1602").ca_certificate(pem).build()
    /// # }
    /// ```
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificate = Some(pem.into());
        self
    }

    /// The largest message that is decoded, in MiB: 1 to 512, 32 by default. Servers aim for
    /// 2 MiB, but one huge row is one message all the same.
    #[must_use]
    pub fn decode_limit_mib(mut self, mebibytes: u16) -> Self {
        self.decode_limit_mib = mebibytes;
        self
    }

    /// How often a connection is pinged, used or not: 20 seconds by default.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long a ping may go without an answer before the connection is given up: 20 seconds by
    /// default.
    #[must_use]
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout;
        self
    }

    /// How long connecting may take: 10 seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to plan a query: 60 seconds by default. A stream has no such
    /// limit.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// The client, which connects when it is first used.
    ///
    /// # Errors
    /// When a setting has a value it cannot have, or TLS cannot be set up.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn build(self) -> Result<SqlClient, Error> {
        let uri = parse_endpoint(&self.endpoint)?;
        self.check_ranges()?;
        let authorization = self.token.as_ref().map(authorization).transpose()?;
        let secure = uri.scheme_str() == Some("https");
        if authorization.is_some() && !secure {
            tracing::warn!(endpoint = %uri, "the bearer token is sent without encryption");
        }
        let mut endpoint = Endpoint::from(uri)
            .user_agent(concat!("nozzle-client/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| Error::Setting(error.to_string()))?
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(self.ping_interval)
            .keep_alive_timeout(self.ping_timeout)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES);
        if secure {
            let tls = ClientTlsConfig::new().timeout(self.connect_timeout);
            let tls = match self.ca_certificate {
                Some(pem) => {
                    trust::roots(&pem).map_err(Error::Setting)?;
                    tls.ca_certificate(Certificate::from_pem(pem))
                }
                None => tls.with_enabled_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(Error::Tls)?;
        }
        let flight: FlightServiceClient<Channel> =
            FlightServiceClient::new(endpoint.connect_lazy())
                .max_decoding_message_size(usize::from(self.decode_limit_mib) << 20);
        let limits = Limits { decode_mib: self.decode_limit_mib, answer: self.answer_timeout };
        Ok(SqlClient::assemble(flight, authorization, self.token, limits))
    }

    fn check_ranges(&self) -> Result<(), Error> {
        let limit = self.decode_limit_mib;
        if limit == 0 || limit > DECODE_LIMIT_MIB_MAX {
            return Err(Error::Setting(format!(
                "the decode limit of {limit} MiB is not between 1 and {DECODE_LIMIT_MIB_MAX}"
            )));
        }
        for (name, duration) in [
            ("ping interval", self.ping_interval),
            ("ping timeout", self.ping_timeout),
            ("connect timeout", self.connect_timeout),
            ("answer timeout", self.answer_timeout),
        ] {
            if duration.is_zero() {
                return Err(Error::Setting(format!("the {name} is zero")));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("endpoint", &without_password(&self.endpoint))
            .field("token", &self.token)
            .field("decode_limit_mib", &self.decode_limit_mib)
            .field("ping_interval", &self.ping_interval)
            .field("ping_timeout", &self.ping_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .finish_non_exhaustive()
    }
}

/// The value of the `authorization` header, which no log of the transport shows.
fn authorization(token: &Secret) -> Result<AsciiMetadataValue, Error> {
    let text = token.reveal();
    if text.is_empty() {
        return Err(Error::Setting("the bearer token is empty".to_owned()));
    }
    let mut value = AsciiMetadataValue::try_from(format!("Bearer {text}")).map_err(|_| {
        let reason = "the bearer token has a character that no header can carry, such as a line \
                      break at its end";
        Error::Setting(reason.to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn parse_endpoint(endpoint: &str) -> Result<Uri, Error> {
    let bare = |uri: &Uri| match (uri.path(), uri.query()) {
        ("" | "/", None) => Ok(()),
        _ => Err("it has a path, which Arrow Flight does not use"),
    };
    Ok(endpoint::parse(endpoint, bare)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_scheme_and_a_host_and_nothing_else() {
        for good in ["http://localhost:1602", "https://gateway.example.com/", "http://[::1]:1602"] {
            assert!(parse_endpoint(good).is_ok(), "{good}");
        }
        for (bad, reason) in [
            ("", "not a URL"),
            ("localhost:1602", "no scheme"),
            ("localhost", "no scheme"),
            ("grpc://localhost:1602", "scheme"),
            ("http://", "not a URL"),
            ("http://local host", "not a URL"),
            ("http://localhost:1602/query", "path"),
            ("http://localhost:1602?x=1", "path"),
            ("http://me:hunter2@localhost", "password"),
        ] {
            let error = parse_endpoint(bad).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("expected http://"), "{bad}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
