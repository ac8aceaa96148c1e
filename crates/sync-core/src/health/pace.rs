use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::histogram::float;

/// How far back a rate looks.
const WINDOW: Duration = Duration::from_secs(30);
/// How far samples are apart, at least.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// How fast a table moves: samples of how far it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pace {
    samples: VecDeque<Sample>,
}

/// How far a table was at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: SystemTime,
    pub(super) rows: u64,
    pub(super) block: u64,
}

/// What is moved in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) rows: f64,
    pub(super) blocks: f64,
}

impl Pace {
    /// Begins anew: what was before an interruption says nothing of the speed after it.
    pub(super) fn begin(&mut self, sample: Sample) {
        self.samples.clear();
        self.samples.push_back(sample);
    }

    /// Takes note of how far the table is.
    pub(super) fn note(&mut self, sample: Sample) {
        if self.samples.back().is_some_and(|last| elapsed(last.at, sample.at) < SAMPLE_EVERY) {
            return;
        }
        // One that is older than the window stays, for tables that move more rarely than that.
        while self.samples.get(1).is_some_and(|second| elapsed(second.at, sample.at) > WINDOW) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The mean speed until `now`, over the last half minute or since the sample before that.
    pub(super) fn rates(&self, now: Sample) -> Rates {
        let recent = self.samples.iter().find(|sample| elapsed(sample.at, now.at) <= WINDOW);
        let recent = recent.filter(|recent| Some(*recent) != self.samples.back());
        let Some(base) = recent.or_else(|| self.samples.iter().nth_back(1).or(self.samples.back()))
        else {
            return Rates::default();
        };
        let seconds = elapsed(base.at, now.at).as_secs_f64();
        if seconds <= 0.0 {
            return Rates::default();
        }
        let per_second = |now: u64, then: u64| float(now.saturating_sub(then)) / seconds;
        Rates { rows: per_second(now.rows, base.rows), blocks: per_second(now.block, base.block) }
    }
}

/// The time from `earlier` to `later`, none where the clock was set back.
pub(super) fn elapsed(earlier: SystemTime, later: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64, rows: u64) -> Sample {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        Sample { at, rows, block: rows / 10 }
    }

    #[test]
    fn a_rate_is_the_mean_of_the_last_half_minute() {
        let mut pace = Pace::default();
        pace.begin(sample(0, 0));
        // A thousand rows a second for a minute, then a hundred.
        for second in 1..=60 {
            pace.note(sample(second, second * 1_000));
        }
        assert_eq!(pace.rates(sample(60, 60_000)), Rates { rows: 1_000.0, blocks: 100.0 });
        for second in 61..=90 {
            pace.note(sample(second, 60_000 + (second - 60) * 100));
        }
        assert_eq!(pace.rates(sample(90, 63_000)).rows, 100.0);
        assert!(pace.samples.len() < 40);
    }

    #[test]
    fn a_rate_falls_while_nothing_comes() {
        let mut pace = Pace::default();
        pace.begin(sample(0, 0));
        pace.note(sample(10, 1_000));
        assert_eq!(pace.rates(sample(10, 1_000)).rows, 100.0);
        assert_eq!(pace.rates(sample(20, 1_000)).rows, 50.0);
        assert_eq!(pace.rates(sample(1_000, 1_000)).rows, 1.0);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_rate() {
        let mut pace = Pace::default();
        assert_eq!(pace.rates(sample(5, 10)), Rates::default());
        pace.begin(sample(10, 0));
        assert_eq!(pace.rates(sample(5, 10)), Rates::default());
    }
}
