use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Scene, routes};
use crate::settings::Mistake;

/// How many requests are answered at a time. One more, and the oldest is dropped: whoever holds
/// connections open does not keep a probe waiting.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take over its request.
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// How long a connection may take altogether; it serves one request.
const CONNECTION_MAX: Duration = Duration::from_secs(10);
/// How large the head of a request may be, in bytes. Bodies are not read.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// How long answers under way have when the process ends.
const GRACE: Duration = Duration::from_secs(1);
/// The wait after a connection could not be accepted, for example because files have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that is not answered yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
}

/// A server that answers in a task of its own. Dropping it stops it at once.
#[derive(Debug)]
pub(crate) struct Serving {
    task: JoinSet<()>,
    stop: CancellationToken,
}

/// Listens where it is asked for, if it is.
///
/// # Errors
/// When the address cannot be listened on: only another one helps.
pub(crate) async fn listen(address: Option<SocketAddr>) -> Result<Option<Server>, Mistake> {
    match address {
        Some(address) => Server::bind(address).await.map(Some),
        None => Ok(None),
    }
}

impl Server {
    async fn bind(address: SocketAddr) -> Result<Self, Mistake> {
        let listener = TcpListener::bind(address).await.map_err(|error| Mistake {
            subject: "HEALTH_PORT".to_owned(),
            problem: format!("cannot listen on {address}: {error}"),
            remedy: remedy(error.kind()).to_owned(),
        })?;
        Ok(Self { listener })
    }

    /// Begins to answer.
    pub(crate) fn serve(self, scene: Arc<Scene>) -> Serving {
        let stop = CancellationToken::new();
        if let Ok(address) = self.listener.local_addr() {
            info!(%address, "health, metrics and the live page are served");
        }
        let mut task = JoinSet::new();
        task.spawn(serve(self.listener, routes::router(scene), stop.clone()));
        Serving { task, stop }
    }
}

impl Serving {
    /// Stops listening, and lets the answers under way end, for a moment.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(Err(error)) = self.task.join_next().await {
            warn!(%error, "a defect in this program has ended the HTTP server");
        }
    }
}

fn remedy(kind: ErrorKind) -> &'static str {
    // Everything else is told by the system's own words.
    if kind == ErrorKind::AddrInUse {
        "another process has this port: set another one, or end that process"
    } else if kind == ErrorKind::PermissionDenied {
        "ports below 1024 need a privilege: set a higher one, such as HEALTH_PORT=8080"
    } else if kind == ErrorKind::AddrNotAvailable {
        "the machine does not have this address: set one that it has, or a port alone"
    } else {
        "set another port or address, such as HEALTH_PORT=8080"
    }
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = Connections::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.admit(answer(stream, router.clone())),
                Err(error) => {
                    debug!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.tasks.join_next() => {}
        }
    }
    drop(listener);
    let all = async { while connections.tasks.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        debug!("answers under way were cut off");
    }
}

/// The connections that are answered, the oldest first.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    handles: VecDeque<AbortHandle>,
}

impl Connections {
    fn admit(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.handles.retain(|handle| !handle.is_finished());
        if self.handles.len() >= CONNECTIONS_MAX
            && let Some(oldest) = self.handles.pop_front()
        {
            oldest.abort();
        }
        self.handles.push_back(self.tasks.spawn(connection));
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a request was not answered"),
        Err(_) => debug!("a client was too slow"),
    }
}
