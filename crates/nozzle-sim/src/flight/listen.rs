//! The listening socket: one port that can be closed and opened again, and connections that can
//! be cut.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::Server;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::{Backend, Flight};

/// The open connections, which can be cut all at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<Mutex<CancellationToken>>);

impl Connections {
    /// Cuts every connection, as a dying network would: no goodbye is said.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.token()).cancel();
    }

    fn token(&self) -> MutexGuard<'_, CancellationToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves on one port.
#[derive(Debug)]
pub(crate) struct Listener {
    addr: SocketAddr,
    connections: Connections,
    /// How old a connection becomes before it is said goodbye.
    age_max: Option<Duration>,
    /// The accept loop, while the port is open.
    accepting: JoinSet<()>,
}

impl Listener {
    /// Opens `addr`; port 0 takes a free one.
    pub(crate) async fn open<B: Backend>(
        addr: SocketAddr,
        connections: Connections,
        flight: Flight<B>,
    ) -> io::Result<Self> {
        let mut listener = Self { addr, connections, age_max: None, accepting: JoinSet::new() };
        listener.reopen(flight).await?;
        Ok(listener)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Says goodbye to connections of this age, from the next opening of the port on.
    pub(crate) fn set_age_max(&mut self, age: Option<Duration>) {
        self.age_max = age;
    }

    /// Opens the port again.
    pub(crate) async fn reopen<B: Backend>(&mut self, flight: Flight<B>) -> io::Result<()> {
        self.close().await;
        let socket = TcpListener::bind(self.addr).await?;
        self.addr = socket.local_addr()?;
        let connections = self.connections.clone();
        let incoming = TcpListenerStream::new(socket).map(move |stream| {
            let stream = stream?;
            stream.set_nodelay(true)?;
            let cut = Box::pin(connections.token().clone().cancelled_owned());
            Ok::<_, io::Error>(Cuttable { stream, cut })
        });
        let service = FlightServiceServer::new(flight).max_encoding_message_size(usize::MAX);
        let mut server = Server::builder();
        if let Some(age) = self.age_max {
            // After the goodbye streams have as long again, and are then cut.
            server = server.max_connection_age(age).max_connection_age_grace(age);
        }
        let serving = server.add_service(service).serve_with_incoming(incoming);
        self.accepting.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "server stopped");
            }
        });
        Ok(())
    }

    /// Closes the port and cuts every connection. When it returns, a client is refused.
    pub(crate) async fn close(&mut self) {
        self.accepting.shutdown().await;
        self.connections.cut();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.connections.cut();
    }
}

/// A connection that fails when it is cut.
struct Cuttable {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Cuttable {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Cuttable {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
