//! The faults: each function strikes once, ends what it began, and says whether it has struck.

pub(super) mod chain;
pub(super) mod commits;
pub(super) mod database;
pub(super) mod instances;
pub(super) mod lies;
pub(super) mod network;
pub(super) mod points;
pub(super) mod process;
pub(super) mod server;

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(20);

/// Lets some of these milliseconds pass.
async fn hold(random: &mut Rng, milliseconds: Range<u64>) {
    sleep(Duration::from_millis(random.u64(milliseconds))).await;
}

/// Waits until something has come true; says whether it has, in time.
async fn comes_true(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !is_true() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}
