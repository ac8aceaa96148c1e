//! Numbers and times as a person reads them.

use std::fmt;
use std::time::Duration;

/// A time in its two largest units: `45s`, `3m 20s`, `5h 12m`, `3d 4h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds}s"),
            (0, 0, _) => write!(f, "{minutes}m {}s", seconds % 60),
            (0, _, _) => write!(f, "{hours}h {}m", minutes % 60),
            (..1_000, ..) => write!(f, "{days}d {}h", hours % 24),
            (..) => write!(f, "years"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_two_largest_units() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (200, "3m 20s"),
            (18_720, "5h 12m"),
            (273_600, "3d 4h"),
            (u64::MAX, "years"),
        ] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), expected);
        }
    }
}
