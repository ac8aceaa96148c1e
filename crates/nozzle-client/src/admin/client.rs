use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use tonic::codegen::Bytes;

use super::answer::{Failure, OldDataset, OldVersions, Revision};
use super::{AdminError, DatasetQuery, ResolvedDataset};
use crate::endpoint;
use crate::secret::Secret;
use crate::trust;

/// More than the longest list of tables or versions takes.
const ANSWER_MIB_MAX: usize = 8;
const CONNECT_MAX: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer an error repeats.
const TEXT_CHARS_MAX: usize = 300;

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// A client of the Admin API of one server. Cloning is cheap, and all clones share connections.
#[derive(Clone)]
pub struct AdminClient {
    http: Http,
    /// Without a slash at its end.
    base: String,
    authorization: Option<HeaderValue>,
    token: Option<Secret>,
    timeout: Duration,
}

/// The settings of an [`AdminClient`].
#[derive(Debug)]
pub struct AdminBuilder {
    endpoint: String,
    token: Option<Secret>,
    ca_certificate: Option<Vec<u8>>,
    timeout: Duration,
}

impl AdminBuilder {
    /// The token for the gateway before the server.
    #[must_use]
    pub fn bearer_token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The certificate authority to trust with `https`, as PEM, instead of the system's own;
    /// several may be in one text.
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificate = Some(pem.into());
        self
    }

    /// How long an answer may take: 30 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The client, which connects when it is first used.
    ///
    /// # Errors
    /// When a setting has a value it cannot have, or TLS cannot be set up.
    pub fn build(self) -> Result<AdminClient, AdminError> {
        let base = base(&self.endpoint)?;
        if self.token.is_some() && !base.starts_with("https://") {
            tracing::warn!(endpoint = base, "the bearer token is sent without encryption");
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_MAX));
        let provider = rustls::crypto::ring::default_provider();
        let roots = match &self.ca_certificate {
            _ if !base.starts_with("https://") => {
                // No certificate will ever be looked at, and none need be installed.
                Some(rustls::RootCertStore::empty())
            }
            Some(pem) => Some(trust::roots(pem).map_err(AdminError::Setting)?),
            None => None,
        };
        let connector = match roots {
            Some(roots) => {
                let config = rustls::ClientConfig::builder_with_provider(provider.into())
                    .with_safe_default_protocol_versions()
                    .map_err(|error| AdminError::Tls(std::io::Error::other(error)))?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
            None => HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(provider)
                .map_err(AdminError::Tls)?,
        };
        let connector = connector.https_or_http().enable_http1().wrap_connector(http);
        Ok(AdminClient {
            http: Client::builder(TokioExecutor::new()).build(connector),
            base,
            authorization: self.token.as_ref().map(authorization).transpose()?,
            token: self.token,
            timeout: self.timeout,
        })
    }
}

impl AdminClient {
    /// A client of the Admin API at `endpoint`, such as `http://localhost:1610`.
    ///
    /// # Errors
    /// [`AdminError::Endpoint`] when no server can be there, [`AdminError::Tls`] when TLS cannot
    /// be set up.
    pub fn new(endpoint: &str) -> Result<Self, AdminError> {
        Self::builder(endpoint).build()
    }

    /// The settings of a client of the Admin API at `endpoint`.
    #[must_use]
    pub fn builder(endpoint: &str) -> AdminBuilder {
        AdminBuilder {
            endpoint: endpoint.to_owned(),
            token: None,
            ca_certificate: None,
            timeout: TIMEOUT,
        }
    }

    /// What `dataset` is at the moment: the revision that names it for good, and its tables.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] when the server has no such dataset or revision, which may
    /// change; the others when it cannot be asked or understood.
    ///
    /// # Cancellation
    /// Dropping the future gives the question up; nothing is changed by asking.
    pub async fn resolve(&self, dataset: &DatasetQuery<'_>) -> Result<ResolvedDataset, AdminError> {
        let DatasetQuery { namespace, name, revision } = *dataset;
        let revision = revision.unwrap_or("latest");
        let path = format!("/datasets/{}/{name}/versions/{revision}", namespace.unwrap_or("_"));
        match self.get::<Revision>(&path).await? {
            Answer::Is(answer) => Ok(answer.into()),
            // The server says itself that it knows the question, and not the dataset.
            Answer::NotFound(Some(_)) => Err(not_found(dataset)),
            // Nobody has ever heard of the question: there were no namespaces once.
            Answer::NotFound(None) if matches!(namespace, None | Some("_")) => {
                self.resolve_old(dataset).await
            }
            Answer::NotFound(None) => Err(not_found(dataset)),
        }
    }

    /// The tables of `dataset` at the moment.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve).
    ///
    /// # Cancellation
    /// As with [`resolve`](Self::resolve).
    pub async fn tables(&self, dataset: &DatasetQuery<'_>) -> Result<Vec<String>, AdminError> {
        Ok(self.resolve(dataset).await?.tables)
    }

    /// Asks a server before namespaces. It had no tags: the newest is what has no version.
    async fn resolve_old(&self, dataset: &DatasetQuery<'_>) -> Result<ResolvedDataset, AdminError> {
        let mut path = format!("/datasets/{}", dataset.name);
        let version = dataset.revision.filter(|revision| !matches!(*revision, "latest" | "dev"));
        if let Some(version) = version {
            path = format!("{path}/versions/{version}");
        }
        match (self.get::<OldDataset>(&path).await?, version) {
            (Answer::Is(answer), _) => Ok(answer.into()),
            // No server of any age knows the question: this is not the Admin API.
            (Answer::NotFound(None), _) => {
                Err(AdminError::Status { path, status: 404, text: String::new() })
            }
            (Answer::NotFound(Some(_)), None) => Err(not_found(dataset)),
            (Answer::NotFound(Some(_)), Some(version)) => self.newest_edit(dataset, version).await,
        }
    }

    /// The newest `version-suffix`: each edit of a config under development was registered as one.
    async fn newest_edit(
        &self,
        dataset: &DatasetQuery<'_>,
        version: &str,
    ) -> Result<ResolvedDataset, AdminError> {
        let path = format!("/datasets/{}/versions", dataset.name);
        let Answer::Is(OldVersions { versions }) = self.get(&path).await? else {
            return Err(not_found(dataset));
        };
        let is_edit =
            |known: &&String| known.strip_prefix(version).is_some_and(|rest| rest.starts_with('-'));
        // The newest come first, so that those of the first page are the ones that matter.
        let edit = versions.iter().find(is_edit).ok_or_else(|| not_found(dataset))?;
        match self.get::<OldDataset>(&format!("{path}/{edit}")).await? {
            Answer::Is(answer) => Ok(answer.into()),
            Answer::NotFound(_) => Err(not_found(dataset)),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, AdminError> {
        let exchange = self.exchange(path);
        let (status, body) = tokio::time::timeout(self.timeout, exchange)
            .await
            .map_err(|_| AdminError::Timeout { path: path.to_owned(), limit: self.timeout })??;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map(Answer::Is)
                .map_err(|source| AdminError::Answer { path: path.to_owned(), source });
        }
        let failure: Option<Failure> = serde_json::from_slice(&body).ok();
        let is_unknown = |code: &str| code.ends_with("NOT_FOUND");
        match failure {
            Some(failure) if is_unknown(&failure.error_code) => {
                Ok(Answer::NotFound(Some(failure.error_code)))
            }
            None if status == StatusCode::NOT_FOUND => Ok(Answer::NotFound(None)),
            failure => Err(AdminError::Status {
                path: path.to_owned(),
                status: status.as_u16(),
                text: self.told(failure, &body),
            }),
        }
    }

    async fn exchange(&self, path: &str) -> Result<(StatusCode, Bytes), AdminError> {
        let mut request = Request::get(format!("{}{path}", self.base))
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("nozzle-client/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let request =
            request.body(Empty::new()).map_err(|error| AdminError::Setting(error.to_string()))?;
        let answer = self
            .http
            .request(request)
            .await
            .map_err(|error| AdminError::Connection(error.into()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_MIB_MAX << 20).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => AdminError::TooLarge { path: path.to_owned(), limit_mib: ANSWER_MIB_MAX },
            Err(error) => AdminError::Connection(error),
        })?;
        Ok((status, body.to_bytes()))
    }

    /// What an error's answer says, for people: shortened, and without the token.
    fn told(&self, failure: Option<Failure>, body: &[u8]) -> String {
        let text = match failure {
            Some(failure) => format!("{}: {}", failure.error_code, failure.error_message),
            None => String::from_utf8_lossy(body).split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let text = self.token.as_ref().map_or(text.clone(), |token| token.redact(&text));
        let mut short: String = text.chars().take(TEXT_CHARS_MAX).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        if short.is_empty() { short } else { format!(": {short}") }
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient")
            .field("base", &self.base)
            .field("token", &self.token)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

enum Answer<T> {
    Is(T),
    /// There is no such thing; with the server's own code, unless it does not know the path.
    NotFound(Option<String>),
}

fn not_found(dataset: &DatasetQuery<'_>) -> AdminError {
    let DatasetQuery { namespace, name, revision } = dataset;
    let namespace = namespace.unwrap_or("_");
    let revision = revision.unwrap_or("latest");
    AdminError::NotFound { dataset: format!("{namespace}/{name}@{revision}") }
}

fn authorization(token: &Secret) -> Result<HeaderValue, AdminError> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.reveal())).map_err(|_| {
        let reason = "the bearer token has a character that no header can carry";
        AdminError::Setting(reason.to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The endpoint, checked. Unlike that of Arrow Flight it may have a path, behind a gateway.
fn base(endpoint: &str) -> Result<String, AdminError> {
    let no_query = |uri: &Uri| if uri.query().is_some() { Err("it has a query") } else { Ok(()) };
    endpoint::parse(endpoint, no_query)?;
    Ok(endpoint.trim_end_matches('/').to_owned())
}
