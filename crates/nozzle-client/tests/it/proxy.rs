//! A TCP proxy before a server, which can do what networks do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::future;
use nozzle_client::{ClientBuilder, SqlClient};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::server::TestServer;

pub(crate) struct Proxy {
    endpoint: String,
    swallow: Arc<AtomicBool>,
    connections: Arc<Mutex<JoinSet<()>>>,
    /// One item for each piece that came back from the server.
    pub(crate) from_server: mpsc::Receiver<()>,
    _listening: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn before(server: &TestServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let swallow = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let (count, from_server) = mpsc::channel(64);
        let (address, swallowing, accepted) =
            (server.address, Arc::clone(&swallow), Arc::clone(&connections));
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let connection = connect(client, address, Arc::clone(&swallowing), count.clone());
                accepted.lock().unwrap().spawn(connection);
            }
        });
        Self { endpoint, swallow, connections, from_server, _listening: listening }
    }

    pub(crate) fn client(&self) -> ClientBuilder {
        SqlClient::builder(&self.endpoint)
    }

    /// From now on nothing passes, and nobody is told: so does a peer that lost its power.
    pub(crate) fn swallow(&self) {
        self.swallow.store(true, Ordering::Relaxed);
    }

    /// Closes all connections. New ones are welcome.
    pub(crate) fn cut(&self) {
        self.connections.lock().unwrap().abort_all();
    }
}

async fn connect(
    client: TcpStream,
    server: SocketAddr,
    swallow: Arc<AtomicBool>,
    count: mpsc::Sender<()>,
) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = TcpStream::connect(server).await.unwrap().into_split();
    let forth = pump(from_client, to_server, &swallow, None);
    let back = pump(from_server, to_client, &swallow, Some(&count));
    future::join(forth, back).await;
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    swallow: &AtomicBool,
    count: Option<&mpsc::Sender<()>>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if swallow.load(Ordering::Relaxed) {
            continue;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
        if let Some(count) = count {
            // Full is as good as counted.
            count.try_send(()).ok();
        }
    }
    // Neither end is closed: who swallows says nothing, not even that.
    future::pending().await
}
