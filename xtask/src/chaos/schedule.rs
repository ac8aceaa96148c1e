//! What strikes when: all of it follows from the seed.

use std::time::Duration;

use fastrand::Rng;

use super::catalog::{Fault, Lane};

/// The longest pause between two faults of a lane.
const PAUSE_MS_MAX: u64 = 800;

/// One fault that is to strike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    pub(super) fault: &'static Fault,
    /// How long after the one before it.
    pub(super) pause: Duration,
    /// What its own decisions follow from.
    pub(super) seed: u64,
}

/// The faults of one lane, without end; none where `faults` has none of the lane.
///
/// Each is drawn once before one is drawn again, so that a short run sees as many as it can.
pub(super) fn lane(
    seed: u64,
    lane: Lane,
    faults: &[&'static Fault],
) -> impl Iterator<Item = Strike> + use<> {
    let number = match lane {
        Lane::Near => 0x6e65_6172,
        Lane::Far => 0x0066_6172,
    };
    let mut random = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number);
    let all: Vec<_> = faults.iter().copied().filter(|fault| fault.lane == lane).collect();
    let mut left = Vec::new();
    std::iter::from_fn(move || {
        if left.is_empty() {
            left.clone_from(&all);
            random.shuffle(&mut left);
        }
        let fault = left.pop()?;
        let pause = Duration::from_millis(random.u64(0..PAUSE_MS_MAX));
        Some(Strike { fault, pause, seed: random.u64(..) })
    })
}

#[cfg(test)]
mod tests {
    use super::super::catalog::FAULTS;
    use super::*;

    fn first(seed: u64, of: Lane, count: usize) -> Vec<(&'static str, Duration, u64)> {
        let faults: Vec<_> = FAULTS.iter().collect();
        let strikes = lane(seed, of, &faults).take(count);
        strikes.map(|strike| (strike.fault.name, strike.pause, strike.seed)).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        for of in [Lane::Near, Lane::Far] {
            assert_eq!(first(7, of, 100), first(7, of, 100));
            assert_ne!(first(7, of, 100), first(8, of, 100));
        }
    }

    #[test]
    fn every_fault_of_a_lane_strikes_before_one_strikes_again() {
        let faults: Vec<_> = FAULTS.iter().filter(|fault| fault.lane == Lane::Near).collect();
        let mut names: Vec<_> =
            first(3, Lane::Near, faults.len()).into_iter().map(|(name, ..)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), faults.len());
    }

    #[test]
    fn a_lane_without_faults_is_empty() {
        let faults: Vec<_> = FAULTS.iter().filter(|fault| fault.lane == Lane::Near).collect();
        assert_eq!(lane(1, Lane::Far, &faults).count(), 0);
    }
}
