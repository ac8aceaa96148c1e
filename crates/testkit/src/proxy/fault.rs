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
    /// The proxy stalls after this many bytes of COPY data, until it is told to resume.
    StallAfterCopyBytes(u64),
    /// The proxy stalls when it comes to this moment, until it is told to resume: the server does
    /// not know of it yet.
    StallAt(Moment),
    /// The server refuses the statement of this moment with this SQLSTATE. Only a statement that
    /// was sent as text is refused.
    Refuse(Moment, &'static str),
}

/// A moment in what a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A statement, or several at once, whose text begins with the one and contains the other.
    Statement {
        /// How the text begins.
        begins: &'static str,
        /// What is in it.
        contains: &'static str,
    },
    /// The end of COPY data.
    CopyEnd,
    /// A COMMIT.
    Commit,
}

/// What a client says, as far as a moment is about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
    /// Whether it makes the server commit.
    pub(super) commits: bool,
}

const QUERY: u8 = b'Q';
const PARSE: u8 = b'P';
const COPY_DONE: u8 = b'c';

impl Said<'_> {
    /// The text of a statement.
    fn text(&self) -> Option<String> {
        let mut texts = self.body.split(|byte| *byte == 0);
        let text = match self.tag {
            QUERY => texts.next(),
            PARSE => texts.nth(1),
            _ => None,
        };
        text.map(|text| String::from_utf8_lossy(text).into_owned())
    }

    fn is_at(&self, moment: Moment) -> bool {
        match moment {
            Moment::Statement { begins, contains } => {
                self.text().is_some_and(|text| text.starts_with(begins) && text.contains(contains))
            }
            Moment::CopyEnd => self.tag == COPY_DONE,
            Moment::Commit => self.commits,
        }
    }

    /// Whether the fault strikes here.
    fn meets(&self, fault: Fault) -> bool {
        match fault {
            Fault::DropCommitReply | Fault::NeverForwardCommit | Fault::StallCommitReply => {
                self.commits
            }
            Fault::CutAfterCopyBytes(_) | Fault::StallAfterCopyBytes(_) => false,
            Fault::StallAt(moment) => self.is_at(moment),
            Fault::Refuse(moment, _) => self.tag == QUERY && self.is_at(moment),
        }
    }
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
    /// This many bytes, and then the fault strikes.
    Until(usize, Armed),
}

impl Faults {
    pub(super) fn add(&self, fault: Fault) -> Struck {
        let (told, struck) = oneshot::channel();
        lock(&self.0).push_back(Armed { fault, told });
        Struck(struck)
    }

    /// Takes the first fault if it strikes at what the client says.
    pub(super) fn at(&self, said: Said<'_>) -> Option<Armed> {
        let mut faults = lock(&self.0);
        let meets = said.meets(faults.front()?.fault);
        if meets { faults.pop_front() } else { None }
    }

    /// Forgets all faults that have not struck.
    pub(super) fn withdraw(&self) {
        lock(&self.0).clear();
    }

    /// Puts back a fault that did not come to strike.
    pub(super) fn put_back(&self, armed: Armed) {
        // Nobody waits for it any longer: it was withdrawn.
        if !armed.told.is_closed() {
            lock(&self.0).push_front(armed);
        }
    }

    /// Says how much of `length` bytes of COPY data may pass, and counts them.
    pub(super) fn at_copy(&self, length: usize) -> Allowance {
        let mut faults = lock(&self.0);
        let Some(first) = faults.front_mut() else { return Allowance::All };
        let (Fault::CutAfterCopyBytes(left) | Fault::StallAfterCopyBytes(left)) = &mut first.fault
        else {
            return Allowance::All;
        };
        match usize::try_from(*left) {
            Ok(left) if left <= length => match faults.pop_front() {
                Some(armed) => Allowance::Until(left, armed),
                None => Allowance::All,
            },
            _ => {
                *left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
                Allowance::All
            }
        }
    }
}
