use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// How many bytes of each piece are cut into segments: more would only cost time.
const SEGMENTED_BYTES: usize = 1_000;
/// How often in a second a slow line moves.
const MOVES: u32 = 20;

/// How the bytes of a connection travel, each way. The default is as fast as they can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// How long everything takes to arrive. It does not make the line slower: what follows is on
    /// its way meanwhile.
    pub delay: Duration,
    /// How many bytes pass in a second; without it, all.
    pub bytes_per_second: Option<NonZeroU32>,
    /// The most bytes that are written at once, at the beginning of each piece.
    pub segment_bytes: Option<NonZeroUsize>,
}

impl Shape {
    /// The parts in which `bytes` are written.
    pub(super) fn pieces<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let segmented = self.segment_bytes.map_or(0, |_| bytes.len().min(SEGMENTED_BYTES));
        let (segmented, whole) = bytes.split_at(segmented);
        let per_move = self.bytes_per_second.map(|rate| (rate.get() / MOVES).max(1));
        let most = per_move.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
        let segment = self.segment_bytes.map_or(usize::MAX, NonZeroUsize::get).min(most);
        segmented.chunks(segment).chain(whole.chunks(most))
    }

    /// How long the line rests after so many bytes.
    pub(super) fn pause_after(&self, bytes: usize) -> Option<Duration> {
        let rate = f64::from(self.bytes_per_second?.get());
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        Some(Duration::from_secs_f64(bytes / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(shape: Shape, bytes: usize) -> Vec<usize> {
        shape.pieces(&vec![7; bytes]).map(<[u8]>::len).collect()
    }

    #[test]
    fn bytes_pass_whole_unless_something_else_is_asked_for() {
        assert_eq!(lengths(Shape::default(), 5_000), [5_000]);
        assert_eq!(Shape::default().pause_after(5_000), None);
    }

    #[test]
    fn only_the_beginning_is_cut_into_segments() {
        let shape = Shape { segment_bytes: NonZeroUsize::new(1), ..Shape::default() };
        assert_eq!(lengths(shape, 3), [1, 1, 1]);
        let long = lengths(shape, 70_000);
        assert_eq!((long.len(), long.last()), (1_001, Some(&69_000)));
    }

    #[test]
    fn a_slow_line_moves_its_bytes_in_the_time_they_take() {
        let shape = Shape { bytes_per_second: NonZeroU32::new(1_000), ..Shape::default() };
        assert_eq!(lengths(shape, 120), [50, 50, 20]);
        assert_eq!(shape.pause_after(50), Some(Duration::from_millis(50)));
    }
}
