//! The Admin API: what the dataset's references name, over HTTP.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::era::AdminShape;
use crate::sql::Reference;

/// A call of the Admin API that a client made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminRequest {
    /// What was asked for, such as `/datasets/_/sim/versions/latest`.
    pub path: String,
    /// The header `authorization`, if there was one.
    pub authorization: Option<String>,
}

/// What the Admin API tells of the dataset, as it is at the moment.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    pub(crate) shape: AdminShape,
    /// Whether there is such a dataset at all.
    pub(crate) registered: bool,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) network: String,
    /// The hashes of all manifests there were, the current one last.
    pub(crate) hashes: Vec<String>,
    pub(crate) tables: Vec<String>,
}

impl Registry {
    /// The version as which a server before namespaces registered a manifest under development.
    pub(crate) fn edit(&self, hash: &str) -> String {
        format!("{}-{}", self.version, hash.get(..16).unwrap_or(hash))
    }

    /// Whether SQL may name the dataset like this.
    pub(crate) fn serves(&self, reference: &str) -> bool {
        if !self.registered {
            return false;
        }
        if self.shape == AdminShape::Unnamespaced
            && let Some((name, version)) = reference.rsplit_once("__")
        {
            let is_it = |known: &str| known.replace('.', "_") == version;
            return name == self.name
                && (is_it(&self.version)
                    || self.hashes.iter().any(|hash| is_it(&self.edit(hash))));
        }
        let Reference { namespace, name, revision } = Reference::new(reference);
        let tags = ["latest", "dev", &self.version];
        namespace == self.namespace
            && name == self.name
            && (tags.contains(&revision) || self.hashes.iter().any(|hash| hash == revision))
    }

    fn current(&self) -> &str {
        self.hashes.last().map_or("", String::as_str)
    }

    fn answer(&self, path: &str) -> (StatusCode, Option<Value>) {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (self.shape, parts.as_slice()) {
            (AdminShape::Namespaced, ["datasets", namespace, name, "versions", revision]) => {
                let known = *namespace == self.namespace && *name == self.name;
                let hash = match *revision {
                    "latest" | "dev" => Some(self.current()),
                    version if version == self.version => Some(self.current()),
                    hash => self.hashes.iter().find(|known| *known == hash).map(String::as_str),
                };
                match hash.filter(|_| known && self.registered) {
                    Some(hash) => self.revision(revision, hash),
                    None => unknown("DATASET_NOT_FOUND"),
                }
            }
            (AdminShape::Unnamespaced, ["datasets", name]) if self.is(name) => {
                self.dataset(&self.edit(self.current()))
            }
            (AdminShape::Unnamespaced, ["datasets", name, "versions"]) if self.is(name) => {
                let edits = self.hashes.iter().rev().map(|hash| self.edit(hash));
                let versions: Vec<String> = edits.collect();
                (StatusCode::OK, Some(json!({"versions": versions})))
            }
            (AdminShape::Unnamespaced, ["datasets", name, "versions", version])
                if self.is(name) && self.hashes.iter().any(|hash| self.edit(hash) == *version) =>
            {
                self.dataset(version)
            }
            (
                AdminShape::Unnamespaced,
                ["datasets", _] | ["datasets", _, "versions"] | ["datasets", _, "versions", _],
            ) => unknown("DATASET_NOT_FOUND"),
            // No route at all: an answer without a body.
            _ => (StatusCode::NOT_FOUND, None),
        }
    }

    fn is(&self, name: &str) -> bool {
        self.registered && name == self.name
    }

    fn revision(&self, revision: &str, hash: &str) -> (StatusCode, Option<Value>) {
        let answer = json!({
            "namespace": self.namespace,
            "name": self.name,
            "revision": revision,
            "manifest_hash": hash,
            "kind": "manifest",
            "start_block": 0,
            "finalized_blocks_only": false,
            "tables": self.tables,
        });
        (StatusCode::OK, Some(answer))
    }

    fn dataset(&self, version: &str) -> (StatusCode, Option<Value>) {
        let table = |name: &String| json!({"name": name, "network": self.network});
        let tables: Vec<Value> = self.tables.iter().map(table).collect();
        let answer =
            json!({"name": self.name, "version": version, "kind": "manifest", "tables": tables});
        (StatusCode::OK, Some(answer))
    }
}

fn unknown(code: &str) -> (StatusCode, Option<Value>) {
    let answer = json!({"error_code": code, "error_message": "there is no such dataset"});
    (StatusCode::NOT_FOUND, Some(answer))
}

/// Serves the Admin API. Dropping it closes the port and every connection.
#[derive(Debug)]
pub(crate) struct AdminServer {
    addr: SocketAddr,
    log: watch::Sender<Vec<AdminRequest>>,
    _serving: JoinSet<()>,
}

impl AdminServer {
    /// Serves what `registry` says on a free local port.
    pub(crate) async fn open(
        token: Option<String>,
        registry: impl Fn() -> Registry + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = socket.local_addr()?;
        let log = watch::Sender::default();
        let service = Arc::new(Service { token, registry: Box::new(registry), log: log.clone() });
        let mut serving = JoinSet::new();
        serving.spawn(accept(socket, service));
        Ok(Self { addr, log, _serving: serving })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn requests(&self) -> Vec<AdminRequest> {
        self.log.borrow().clone()
    }

    /// Returns when `enough` holds of the calls so far.
    pub(crate) async fn reach(&self, enough: impl FnMut(&Vec<AdminRequest>) -> bool) {
        // The sender lives in `self`, so the wait cannot end in an error.
        _ = self.log.subscribe().wait_for(enough).await;
    }
}

struct Service {
    token: Option<String>,
    registry: Box<dyn Fn() -> Registry + Send + Sync>,
    log: watch::Sender<Vec<AdminRequest>>,
}

async fn accept(socket: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        while connections.try_join_next().is_some() {}
        let service = Arc::clone(&service);
        let answer = service_fn(move |request| {
            let answer = service.answer(&request);
            async { answer }
        });
        let http = hyper::server::conn::http1::Builder::new();
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        connections.spawn(async {
            // A client that leaves is no failure.
            _ = connection.await;
        });
    }
}

impl Service {
    fn answer(
        &self,
        request: &hyper::Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let header = request.headers().get("authorization");
        let authorization = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let path = request.uri().path().to_owned();
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let authorized = bearer.is_none() || bearer == authorization;
        let (status, body) = if !authorized {
            (StatusCode::UNAUTHORIZED, None)
        } else if request.method() == Method::GET {
            (self.registry)().answer(&path)
        } else {
            (StatusCode::METHOD_NOT_ALLOWED, None)
        };
        self.log.send_modify(|requests| requests.push(AdminRequest { path, authorization }));
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        Ok(response)
    }
}
