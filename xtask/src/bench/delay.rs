//! A wire that is long: whatever goes through arrives later, and as fast as it came.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How many pieces are on the way at most.
const PIECES: usize = 4096;
const PIECE_BYTES: usize = 64 << 10;

/// A long wire. Dropping it cuts it.
#[derive(Debug)]
pub(super) struct Wire {
    addr: SocketAddr,
    _task: JoinSet<()>,
}

impl Wire {
    /// A wire to `upstream` that takes `delay` each way.
    pub(super) async fn lay(upstream: SocketAddr, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                // Either end sees it when the other one closes.
                connections.spawn(async move { connect(client, upstream, delay).await.ok() });
            }
        });
        Ok(Self { addr, _task: task })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

async fn connect(client: TcpStream, upstream: SocketAddr, delay: Duration) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::try_join!(
        pass(client_reads, server_writes, delay),
        pass(server_reads, client_writes, delay),
    )?;
    Ok(())
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let read = async move {
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            if from.read_buf(&mut piece).await? == 0
                || sender.send((Instant::now() + delay, piece)).await.is_err()
            {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = receiver.recv().await {
            sleep_until(due).await;
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}
