use std::time::{Duration, SystemTime};

use super::TableHealth;
use super::pace::elapsed;
use super::state::TableState;

/// How long a table that is behind may make no progress until it counts as stalled: as long as the
/// engine waits before it opens a silent stream anew.
pub const STALLED_AFTER: Duration = Duration::from_secs(5 * 60);

/// Why a table is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// It is being prepared, or its stream opened.
    #[error("starting")]
    Starting,
    /// The server has nothing to stream yet.
    #[error("the server has nothing to stream yet")]
    NothingToStream,
    /// It failed, and will try again.
    #[error("trying again after {attempt} failed attempts")]
    BackingOff {
        /// How many attempts in a row have failed.
        attempt: u32,
    },
    /// It has stopped for good.
    #[error("stopped for good")]
    Stopped,
    /// It is behind, streams without an error, and gets nowhere.
    #[error("stalled: behind, and no progress for {} s", quiet.as_secs())]
    Stalled {
        /// For how long.
        quiet: Duration,
    },
}

impl TableHealth {
    /// Whether the table does what it is there for: it streams, and is not [stalled]; or it stands
    /// by, ready to take over.
    ///
    /// A standby is ready because nothing is wrong with it: were it not, a rollout that waits for
    /// the new instance before it ends the old one would wait for ever.
    ///
    /// # Errors
    /// Why it is not.
    ///
    /// [stalled]: TableHealth::stalled
    pub fn readiness(&self, now: SystemTime) -> Result<(), NotReady> {
        match self.state {
            TableState::Standby => Ok(()),
            TableState::Starting => Err(NotReady::Starting),
            TableState::NotReady => Err(NotReady::NothingToStream),
            TableState::BackingOff { attempt } => Err(NotReady::BackingOff { attempt }),
            TableState::Stopped => Err(NotReady::Stopped),
            TableState::Live | TableState::CatchingUp => match self.stalled(now) {
                Some(quiet) => Err(NotReady::Stalled { quiet }),
                None => Ok(()),
            },
        }
    }

    /// For how long the table has made no progress, if it streams, is behind, and that is longer
    /// than [`STALLED_AFTER`]. Progress is a commit, or rows that arrive; signs of life are none.
    #[must_use]
    pub fn stalled(&self, now: SystemTime) -> Option<Duration> {
        let quiet = elapsed(self.behind_since?.max(self.progressed), now);
        (self.state.is_streaming() && quiet > STALLED_AFTER).then_some(quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::{at, head, health};
    use super::*;

    #[test]
    fn a_table_is_ready_when_it_streams_or_stands_by() {
        for (state, expected) in [
            (TableState::Live, Ok(())),
            (TableState::CatchingUp, Ok(())),
            (TableState::Standby, Ok(())),
            (TableState::Starting, Err(NotReady::Starting)),
            (TableState::NotReady, Err(NotReady::NothingToStream)),
            (TableState::BackingOff { attempt: 3 }, Err(NotReady::BackingOff { attempt: 3 })),
            (TableState::Stopped, Err(NotReady::Stopped)),
        ] {
            assert_eq!(health(state, None).readiness(at(9_999)), expected, "{state:?}");
        }
    }

    #[test]
    fn a_table_is_stalled_when_it_is_behind_and_gets_nowhere() {
        type Case = (&'static str, fn(&mut TableHealth), u64, Option<u64>);
        // What is so, seconds after the start, and for how many seconds it is stalled.
        let cases: [Case; 9] = [
            ("at the head", |health| health.head = head(10), 9_999, None),
            ("behind, not for long", |health| health.head = head(11), 300, None),
            ("behind, for long", |health| health.head = head(11), 301, Some(301)),
            ("the head is not known", |_| {}, 9_999, None),
            ("rows wait to be written", |health| health.ready_bytes = 1, 301, Some(301)),
            (
                "behind, but moving",
                |health| {
                    health.head = head(99);
                    health.progressed = at(9_000);
                },
                9_300,
                None,
            ),
            (
                "behind since a moment, after a long quiet time",
                |health| {
                    health.head = head(11);
                    health.behind_since = Some(at(9_000));
                },
                9_300,
                None,
            ),
            (
                "empty ranges are not told of",
                |health| {
                    health.head = head(11);
                    health.ranges_marked = false;
                },
                9_999,
                None,
            ),
            (
                "written ahead up to the head",
                |health| {
                    health.head = head(11);
                    health.provisional = Some(11_u32.into());
                },
                9_999,
                None,
            ),
        ];
        for (what, change, second, expected) in cases {
            let mut health = health(TableState::Live, Some(10));
            change(&mut health);
            health.tidy(at(0));
            let quiet = health.stalled(at(second)).map(|quiet| quiet.as_secs());
            assert_eq!(quiet, expected, "{what}");
            assert_eq!(health.readiness(at(second)).is_err(), expected.is_some(), "{what}");
        }
    }

    #[test]
    fn a_table_that_does_not_stream_is_not_called_stalled() {
        let mut health = health(TableState::BackingOff { attempt: 1 }, Some(10));
        health.head = head(11);
        health.tidy(at(0));
        assert_eq!(health.stalled(at(9_999)), None);
    }
}
