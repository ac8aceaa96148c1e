//! Whether a stored table can hold what is planned, as its sink has found out: told to whoever decides
//! what becomes of the table.

use sink_postgres::Error;
use sync_core::{Causes, OneLine, Readiness};
use tokio::sync::watch;

/// What is known of a stored table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It can hold what is planned.
    Fits,
    /// It cannot, while another table could.
    Unfit,
    /// It is another one than it was.
    Replaced,
}

/// What the sink of a table found when it prepared last. Written by the sink, read by the reloader.
#[derive(Debug)]
pub(crate) struct Fitness {
    found: watch::Sender<Found>,
}

#[derive(Clone, Debug, Default)]
struct Found {
    fit: Fit,
    /// Why it is unfit.
    why: String,
    /// Whether the sink waits for what is decided before it tells the error.
    asks: bool,
    /// Whether the sink may tell the error.
    is_told: bool,
}

impl Fitness {
    /// Of a table that is not prepared yet. Where nobody decides, errors are told at once.
    pub(crate) fn new(is_decided: bool) -> Self {
        let found = Found { is_told: !is_decided, ..Found::default() };
        Self { found: watch::Sender::new(found) }
    }

    pub(crate) fn fit(&self) -> Fit {
        self.found.borrow().fit
    }

    /// Why the table is unfit.
    pub(crate) fn why(&self) -> String {
        self.found.borrow().why.clone()
    }

    /// Whether the sink waits until somebody has decided.
    pub(crate) fn asks(&self) -> bool {
        let found = self.found.borrow();
        found.asks && !found.is_told
    }

    /// Lets the sink tell the error, because nothing else is done about it. Returns whether that is new.
    pub(crate) fn let_it_be_told(&self) -> bool {
        let mut is_new = false;
        self.found.send_modify(|found| is_new = !std::mem::replace(&mut found.is_told, true));
        is_new
    }

    /// Notes what preparing came to. At the first time an error that says that the table is unfit
    /// waits for what is decided: where another table is filled instead, it is none.
    ///
    /// # Cancellation
    /// Dropping the future leaves what was noted.
    pub(crate) async fn prepared(&self, answer: &Result<Readiness, Error>, is_first: bool) {
        let fit = match answer {
            Ok(Readiness::Ready(_)) => Fit::Fits,
            Ok(Readiness::Standby) => return,
            Err(error) if error.is_unfit() => Fit::Unfit,
            Err(Error::Superseded(_)) => Fit::Replaced,
            Err(_) => Fit::Unknown,
        };
        let asks = fit == Fit::Unfit && is_first;
        self.found.send_modify(|found| {
            (found.fit, found.asks) = (fit, asks);
            if let Err(error) = answer {
                found.why = OneLine(Causes(error)).to_string();
            }
        });
        if asks {
            // It lasts as long as this does, so that there is always an answer.
            self.found.subscribe().wait_for(|found| found.is_told).await.map(drop).unwrap_or(());
        }
    }
}
