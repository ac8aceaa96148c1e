use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::delay::Delayed;
use super::shape::Shape;

/// What a proxy was told to do: set from outside, obeyed by every connection.
#[derive(Debug)]
pub(super) struct Switches {
    upstream: Mutex<SocketAddr>,
    stalled: watch::Sender<bool>,
    refusing: AtomicBool,
    connections: AtomicU64,
    /// Cancelled and replaced when all connections are to be cut.
    cut: Mutex<CancellationToken>,
    /// Cancelled and replaced when all connections are to be half-open.
    lost: Mutex<CancellationToken>,
    shape: Mutex<Shape>,
    garbling: AtomicBool,
}

impl Switches {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream: Mutex::new(upstream),
            stalled: watch::Sender::new(false),
            refusing: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            cut: Mutex::default(),
            lost: Mutex::default(),
            shape: Mutex::default(),
            garbling: AtomicBool::new(false),
        }
    }

    pub(super) fn upstream(&self) -> SocketAddr {
        *lock(&self.upstream)
    }

    pub(super) fn set_upstream(&self, upstream: SocketAddr) {
        *lock(&self.upstream) = upstream;
    }

    pub(super) fn stall(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    pub(super) fn is_stalled(&self) -> bool {
        *self.stalled.borrow()
    }

    pub(super) fn set_shape(&self, shape: Shape) {
        *lock(&self.shape) = shape;
    }

    /// The next bytes that come from the server are to be garbled, or no longer.
    pub(super) fn garble(&self, garbling: bool) {
        self.garbling.store(garbling, Ordering::SeqCst);
    }

    pub(super) fn is_garbling(&self) -> bool {
        self.garbling.load(Ordering::SeqCst)
    }

    pub(super) fn lose(&self) {
        std::mem::take(&mut *lock(&self.lost)).cancel();
    }

    pub(super) fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, Ordering::SeqCst);
    }

    /// Counts a connection; says whether it is to be refused.
    pub(super) fn arrive(&self) -> bool {
        self.connections.fetch_add(1, Ordering::SeqCst);
        self.refusing.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn cut(&self) {
        std::mem::take(&mut *lock(&self.cut)).cancel();
    }

    /// Cancelled by the next [`cut`](Switches::cut).
    pub(super) fn cut_token(&self) -> CancellationToken {
        lock(&self.cut).clone()
    }
}

/// One connection's way through the proxy.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) switches: Arc<Switches>,
    lost: CancellationToken,
}

impl Line {
    pub(super) fn new(switches: Arc<Switches>) -> Self {
        let lost = lock(&switches.lost).clone();
        Self { switches, lost }
    }

    /// Waits while the proxy is stalled; for ever when the connection is half-open.
    pub(super) async fn pass(&self) {
        // The sender is in the switches, so it cannot be gone.
        self.switches.stalled.subscribe().wait_for(|stalled| !stalled).await.ok();
        if self.lost.is_cancelled() {
            pending::<()>().await;
        }
    }

    /// What comes from a peer, as late as was asked for.
    pub(super) fn delayed(
        &self,
        from: OwnedReadHalf,
    ) -> Delayed<OwnedReadHalf, impl Fn() -> Duration + Unpin + use<>> {
        let switches = Arc::clone(&self.switches);
        Delayed::new(from, move || lock(&switches.shape).delay)
    }

    /// Forwards `bytes` in the shape that was asked for.
    pub(super) async fn send(&self, to: &mut OwnedWriteHalf, bytes: &[u8]) -> io::Result<()> {
        let shape = *lock(&self.switches.shape);
        for piece in shape.pieces(bytes) {
            to.write_all(piece).await?;
            if let Some(pause) = shape.pause_after(piece.len()) {
                sleep(pause).await;
            }
        }
        Ok(())
    }

    /// Spoils `bytes` from the server, where that was asked for and not done yet.
    pub(super) fn spoil(&self, bytes: &mut [u8]) {
        if !bytes.is_empty() && self.switches.garbling.swap(false, Ordering::SeqCst) {
            bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
        }
    }
}

/// Locks plain values, which are whole at every step, also after a panic elsewhere.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
