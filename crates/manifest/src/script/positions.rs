//! From a place in the JavaScript that is run to the place in the file that was written.

use crate::diagnostic::Position;

/// A place where JavaScript was made from something. Lines and columns count from zero, columns
/// in units of UTF-16, as source maps have them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) source_line: u32,
    pub(super) source_column: u32,
}

/// All of them, in the order of the JavaScript; `None` where it is what was written.
pub(super) struct Positions(Option<Vec<Mapping>>);

impl Positions {
    pub(super) fn unchanged() -> Self {
        Self(None)
    }

    pub(super) fn mapped(mappings: impl Iterator<Item = Mapping>) -> Self {
        Self(Some(mappings.collect()))
    }

    /// The place in `text`, which was written, of the place `run` in the JavaScript. It is the
    /// nearest one before that is known, or the start of the line.
    pub(super) fn written(&self, text: &str, run: Position) -> Position {
        let Some(mappings) = &self.0 else { return run };
        let place = |count: usize| u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
        let (line, column) = (place(run.line), place(run.column));
        let after = mappings.partition_point(|at| (at.line, at.column) <= (line, column));
        let same_line = |at: &&Mapping| at.line == line;
        let before = after.checked_sub(1).and_then(|index| mappings.get(index)).filter(same_line);
        let Some(found) = before.or(mappings.get(after).filter(same_line)) else { return run };
        let count = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
        let source = text.lines().nth(count(found.source_line)).unwrap_or_default();
        let mut units = 0;
        let chars = source.chars().take_while(|char| {
            units += char.len_utf16();
            units <= count(found.source_column)
        });
        Position { line: count(found.source_line) + 1, column: chars.count() + 1 }
    }
}
