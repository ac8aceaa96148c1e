use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a proxy was told to do: set from outside, obeyed by every connection.
#[derive(Debug)]
pub(super) struct Switches {
    upstream: Mutex<SocketAddr>,
    stalled: watch::Sender<bool>,
    refusing: AtomicBool,
    connections: AtomicU64,
    /// Cancelled and replaced when all connections are to be cut.
    cut: Mutex<CancellationToken>,
}

impl Switches {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream: Mutex::new(upstream),
            stalled: watch::Sender::new(false),
            refusing: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            cut: Mutex::new(CancellationToken::new()),
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

    /// Waits while the proxy is stalled.
    pub(super) async fn pass(&self) {
        // The sender is `self`, so it cannot be gone.
        self.stalled.subscribe().wait_for(|stalled| !stalled).await.ok();
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

/// Locks plain values, which are whole at every step, also after a panic elsewhere.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
