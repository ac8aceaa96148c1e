use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::switches::Switches;

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
        R: Fn(TcpStream, TcpStream, Arc<Switches>) -> F + Clone + Send + Sync + 'static,
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
    R: Fn(TcpStream, TcpStream, Arc<Switches>) -> F + Clone + Send + Sync + 'static,
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
                    connections.spawn(async move { cut.run_until_cancelled(carried).await.is_some() });
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn carry<R, F>(client: TcpStream, switches: Arc<Switches>, relay: R) -> io::Result<()>
where
    R: Fn(TcpStream, TcpStream, Arc<Switches>) -> F,
    F: Future<Output = io::Result<()>>,
{
    switches.pass().await;
    let server = TcpStream::connect(switches.upstream()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    relay(client, server, switches).await
}

async fn relay(client: TcpStream, server: TcpStream, switches: Arc<Switches>) -> io::Result<()> {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, &switches);
    let back = pump(from_server, to_client, &switches);
    tokio::try_join!(there, back).map(|((), ())| ())
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    switches: &Switches,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        switches.pass().await;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
