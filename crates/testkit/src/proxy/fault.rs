use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::switches::lock;

/// What is to go wrong, once, on whichever connection first comes to the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The next COMMIT reaches the server and is carried out; its reply is swallowed and the
    /// connection cut. A COMMIT that the server answers with an error does not count.
    DropCommitReply,
    /// The connection is cut when the next COMMIT is about to be forwarded.
    NeverForwardCommit,
    /// The next COMMIT is carried out; then the proxy stalls, with the reply in its hands, until
    /// it is told to resume.
    StallCommitReply,
    /// The connection is cut after this many bytes of COPY data, which may be in the middle of
    /// a message.
    CutAfterCopyBytes(u64),
}

/// Resolves when its fault has struck.
///
/// # Panics
/// When awaited after the proxy is gone and the fault has not struck.
#[derive(Debug)]
pub struct Struck(oneshot::Receiver<()>);

impl Future for Struck {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|struck| {
            assert!(struck.is_ok(), "the proxy is gone and the fault has not struck");
        })
    }
}

/// A fault that has not struck yet.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) fault: Fault,
    told: oneshot::Sender<()>,
}

impl Armed {
    pub(super) fn strike(self) {
        // Nobody has to be waiting for it.
        self.told.send(()).ok();
    }
}

/// The faults to come, which strike in order: the second waits until the first has struck.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<VecDeque<Armed>>);

/// How much of some COPY data may pass.
#[derive(Debug)]
pub(super) enum Allowance {
    All,
    /// This many bytes, and then the connection is cut.
    Cut(usize, Armed),
}

impl Faults {
    pub(super) fn add(&self, fault: Fault) -> Struck {
        let (told, struck) = oneshot::channel();
        lock(&self.0).push_back(Armed { fault, told });
        Struck(struck)
    }

    /// Takes the first fault if it strikes at a COMMIT.
    pub(super) fn at_commit(&self) -> Option<Armed> {
        let mut faults = lock(&self.0);
        match faults.front()?.fault {
            Fault::CutAfterCopyBytes(_) => None,
            Fault::DropCommitReply | Fault::NeverForwardCommit | Fault::StallCommitReply => {
                faults.pop_front()
            }
        }
    }

    /// Puts back a fault that did not come to strike.
    pub(super) fn put_back(&self, armed: Armed) {
        lock(&self.0).push_front(armed);
    }

    /// Says how much of `length` bytes of COPY data may pass, and counts them.
    pub(super) fn at_copy(&self, length: usize) -> Allowance {
        let mut faults = lock(&self.0);
        let Some(first) = faults.front_mut() else { return Allowance::All };
        let Fault::CutAfterCopyBytes(left) = &mut first.fault else { return Allowance::All };
        match usize::try_from(*left) {
            Ok(left) if left <= length => match faults.pop_front() {
                Some(armed) => Allowance::Cut(left, armed),
                None => Allowance::All,
            },
            _ => {
                *left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
                Allowance::All
            }
        }
    }
}
