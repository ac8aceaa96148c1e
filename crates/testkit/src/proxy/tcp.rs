use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::shape::Shape;
use super::switches::{Line, Switches};

/// How much is read at once.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// A TCP proxy on a port of its own at `127.0.0.1`. Dropping it closes every connection.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    switches: Arc<Switches>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Starts forwarding to `upstream`, which need not be there yet.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::start_relay(upstream, relay).await
    }

    /// Starts with the function that carries one connection, the client's side first.
    pub(super) async fn start_relay<R, F>(upstream: SocketAddr, relay: R) -> io::Result<Self>
    where
        R: Fn(TcpStream, TcpStream, Line) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let switches = Arc::new(Switches::new(upstream));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&switches), relay));
        Ok(Self { addr, switches, _accepting: accepting })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where new connections are forwarded to from now on.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.switches.set_upstream(upstream);
    }

    /// Stops forwarding, both ways; connections stay open, as if packets were lost.
    pub fn stall(&self) {
        self.switches.stall(true);
    }

    /// Ends a stall; what was held is forwarded.
    pub fn resume(&self) {
        self.switches.stall(false);
    }

    /// Whether nothing passes: it was told to stall, or a fault made it.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.switches.is_stalled()
    }

    /// Makes all connections half-open: nothing passes on them ever again, and neither side is
    /// told, not even when the other one closes. New ones are taken.
    pub fn lose(&self) {
        self.switches.lose();
    }

    /// How bytes travel from now on, on every connection.
    pub fn set_shape(&self, shape: Shape) {
        self.switches.set_shape(shape);
    }

    /// Turns the next bytes that come from the server into others, or with `false`, no longer.
    pub fn garble(&self, garbling: bool) {
        self.switches.garble(garbling);
    }

    /// Whether bytes are still to be garbled.
    #[must_use]
    pub fn is_garbling(&self) -> bool {
        self.switches.is_garbling()
    }

    /// Closes new connections as soon as they are made. Those that exist go on.
    pub fn refuse(&self) {
        self.switches.refuse(true);
    }

    /// Takes new connections again.
    pub fn accept(&self) {
        self.switches.refuse(false);
    }

    /// Closes all connections; new ones are taken.
    pub fn cut(&self) {
        self.switches.cut();
    }

    /// How many connections were made so far, those that were refused included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.switches.connections()
    }
}

async fn accept<R, F>(listener: TcpListener, switches: Arc<Switches>, relay: R)
where
    R: Fn(TcpStream, TcpStream, Line) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                if !switches.arrive() {
                    let carried = carry(client, Arc::clone(&switches), relay.clone());
                    let cut = switches.cut_token();
                    // However a connection ends, both its sides see it by its being closed.
                    connections.spawn(async move {
                        tokio::select! {
                            // First: what is held in a stall must not pass when both end at once.
                            biased;
                            () = cut.cancelled() => {}
                            _ended = carried => {}
                        }
                    });
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn carry<R, F>(client: TcpStream, switches: Arc<Switches>, relay: R) -> io::Result<()>
where
    R: Fn(TcpStream, TcpStream, Line) -> F,
    F: Future<Output = io::Result<()>>,
{
    let line = Line::new(Arc::clone(&switches));
    line.pass().await;
    let server = TcpStream::connect(switches.upstream()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    relay(client, server, line).await
}

async fn relay(client: TcpStream, server: TcpStream, line: Line) -> io::Result<()> {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, &line, false);
    let back = pump(from_server, to_client, &line, true);
    tokio::try_join!(there, back).map(|((), ())| ())
}

async fn pump(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: &Line,
    is_reply: bool,
) -> io::Result<()> {
    let mut from = line.delayed(from);
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        line.pass().await;
        if read == 0 {
            return to.shutdown().await;
        }
        if is_reply {
            line.spoil(&mut buffer[..read]);
        }
        line.send(&mut to, &buffer[..read]).await?;
    }
}
