//! What is told of the tables beside what the engine itself tells: that one has come to stream or
//! has stalled, and now and then how far it is; on a terminal, a catch-up as it goes.
//!
//! Why a table waits, is tried again or stops, the engine tells when it happens.

mod bars;
mod lines;
mod text;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sync_core::{HealthBoard, TableHealth, TableState};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::console::Console;
use bars::Bars;
use lines::{Line, Reporter};

/// How often the health board is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long something may be missing until the table counts as catching up: a block that has just
/// been made is missing for a moment.
const MOMENT: Duration = Duration::from_secs(1);

/// Tells what happens on the board, for as long as it is polled.
pub(crate) async fn follow(board: Arc<HealthBoard>, console: Console) -> Infallible {
    let mut reporter = Reporter::new(Instant::now());
    let mut bars = console.bars().map(Bars::new);
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        let (tables, time) = (board.snapshot(), SystemTime::now());
        reporter.look(&tables, now, time).iter().for_each(Line::log);
        if let Some(bars) = &mut bars {
            bars.look(&tables, time);
        }
    }
}

/// Whether the table is on its way to the head, for longer than a moment.
fn is_on_its_way(health: &TableHealth, now: SystemTime) -> bool {
    let long = |since: SystemTime| now.duration_since(since).is_ok_and(|time| time >= MOMENT);
    match health.state {
        TableState::Standby | TableState::Stopped => false,
        TableState::CatchingUp if long(health.since) => true,
        TableState::Starting
        | TableState::NotReady
        | TableState::Live
        | TableState::CatchingUp
        | TableState::BackingOff { .. } => health.behind_since.is_some_and(long),
    }
}

/// What a table is doing, for a person.
fn name(state: TableState) -> &'static str {
    match state {
        TableState::Starting => "starting",
        TableState::Standby => "standing by",
        TableState::NotReady => "not ready",
        TableState::Live => "live",
        TableState::CatchingUp => "catching up",
        TableState::BackingOff { .. } => "trying again",
        TableState::Stopped => "stopped",
    }
}
