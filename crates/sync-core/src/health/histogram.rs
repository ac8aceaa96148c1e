use std::time::Duration;

/// The most bounds a histogram has.
const BOUNDS_MAX: usize = 15;

/// How often something was how large, in buckets with fixed bounds. Observing costs no allocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// By bucket, not added up; the last one is of what lies above all bounds.
    counts: [u64; BOUNDS_MAX + 1],
    sum: f64,
}

impl Histogram {
    /// Of times in seconds, from 1 ms to half a minute.
    #[must_use]
    pub fn seconds() -> Self {
        Self::new(&[
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ])
    }

    /// Of numbers of blocks, from one to ten thousand.
    #[must_use]
    pub fn blocks() -> Self {
        Self::new(&[1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1_000.0, 10_000.0])
    }

    fn new(bounds: &'static [f64]) -> Self {
        assert!(bounds.len() <= BOUNDS_MAX, "a histogram has {BOUNDS_MAX} bounds at most");
        Self { bounds, counts: [0; BOUNDS_MAX + 1], sum: 0.0 }
    }

    /// Counts a value.
    pub fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    /// Counts a time, in seconds.
    pub fn observe_time(&mut self, time: Duration) {
        self.observe(time.as_secs_f64());
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All values together.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Each bucket's upper bound, ascending, and how many values were not above it. What lies
    /// above the last bound is only in [`count`](Self::count).
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let running = |total: &mut u64, (bound, count): (&f64, &u64)| {
            *total += count;
            Some((*bound, *total))
        };
        self.bounds.iter().zip(&self.counts).scan(0, running)
    }
}

/// A number that is not astronomically large, as a float.
pub(super) fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_what_is_not_above_their_bound() {
        let mut blocks = Histogram::blocks();
        [1.0, 1.0, 4.0, 5.0, 20_000.0].into_iter().for_each(|value| blocks.observe(value));
        let buckets: Vec<_> = blocks.buckets().take(5).collect();
        assert_eq!(buckets, [(1.0, 2), (2.0, 2), (3.0, 2), (5.0, 4), (10.0, 4)]);
        assert_eq!(blocks.buckets().last(), Some((10_000.0, 4)));
        assert_eq!((blocks.count(), blocks.sum()), (5, 20_011.0));
    }

    #[test]
    fn times_are_counted_in_seconds() {
        let mut seconds = Histogram::seconds();
        seconds.observe_time(Duration::from_millis(30));
        let first = seconds.buckets().find(|(_, count)| *count > 0);
        assert_eq!(first, Some((0.05, 1)));
    }
}
