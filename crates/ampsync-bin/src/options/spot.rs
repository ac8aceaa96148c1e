//! Places in the options file, as people are told of them.

use std::ops::Range;
use std::path::Path;

use ampsync_manifest::Position;

/// A line that is longer is shown without its end.
const SHOWN_MAX: usize = 100;

/// The file's name and text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

/// A place in the file, with what is needed to tell it once the file is closed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    offset: usize,
    /// File, line and column.
    place: String,
    /// The line with a mark below the place.
    frame: String,
}

impl Spot {
    /// What is wrong at this place, which is `path` in the document.
    pub(crate) fn tell(&self, path: &str, problem: &str) -> String {
        let Self { place, frame, .. } = self;
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        format!("{place}: {path}{problem}\n{frame}")
    }

    /// File, line and column.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }
}

impl Source<'_> {
    /// The place of the byte at `offset`.
    pub(super) fn spot(&self, offset: usize) -> Spot {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[start..].chars().count());
        let shown = self.text[start..].lines().next().unwrap_or_default();
        // Control characters would move the mark, or the terminal.
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let shown: String = shown.chars().map(plain).take(SHOWN_MAX.max(column)).collect();
        let (number, mark) = (line.to_string(), " ".repeat(column));
        let margin = " ".repeat(number.len());
        let frame = format!(
            "      {margin} |\n      {number} | {}\n      {margin} | {mark}^",
            shown.trim_end()
        );
        let place = format!("{}:{line}:{}", self.path.display(), column + 1);
        Spot { offset, place, frame }
    }

    /// The place of `position` of a text that is written as the value at `span`.
    pub(super) fn spot_inside(&self, span: &Range<usize>, position: Option<Position>) -> Spot {
        let written = self.text.get(span.clone()).unwrap_or_default();
        let inside = position.and_then(|position| offset_inside(written, position));
        self.spot(span.start + inside.unwrap_or(0))
    }
}

/// The offset in `written`, quotes and escapes included, of a position of the text that it means.
fn offset_inside(written: &str, position: Position) -> Option<usize> {
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let quote = quotes.into_iter().find(|quote| written.starts_with(quote))?;
    let mut offset = quote.len();
    if quote.len() == 3 {
        // A line break right after the quotes means nothing.
        let rest = &written[offset..];
        offset +=
            ["\r\n", "\n"].iter().find(|end| rest.starts_with(**end)).map_or(0, |end| end.len());
    }
    let (mut line, mut column) = (1, 1);
    loop {
        let rest = written.get(offset..)?;
        let continues = quote.len() == 3
            && quote.starts_with('"')
            && rest.strip_prefix('\\').is_some_and(|rest| rest.starts_with(char::is_whitespace));
        if (line, column) >= (position.line, position.column) && !continues {
            return Some(offset);
        }
        let (length, meant) = match rest.strip_prefix('\\').filter(|_| quote.starts_with('"')) {
            Some(escape) => escaped(escape).map(|(length, meant)| (length + 1, meant))?,
            None => rest.chars().next().map(|c| (c.len_utf8(), Some(c)))?,
        };
        offset += length;
        match meant {
            Some('\n') => (line, column) = (line + 1, 1),
            Some(_) => column += 1,
            None => {}
        }
    }
}

/// The length of an escape behind its backslash, and what it means: nothing at the end of a line.
fn escaped(escape: &str) -> Option<(usize, Option<char>)> {
    let kind = escape.chars().next()?;
    Some(match kind {
        'u' => (5, Some('x')),
        'U' => (9, Some('x')),
        'x' => (3, Some('x')),
        'n' => (1, Some('\n')),
        kind if kind.is_whitespace() => {
            (escape.find(|c: char| !c.is_whitespace()).unwrap_or(escape.len()), None)
        }
        kind => (kind.len_utf8(), Some(kind)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rest of `written` from where `position` of its meaning stands.
    fn rest(written: &str, line: usize, column: usize) -> &str {
        &written[offset_inside(written, Position { line, column }).unwrap()..]
    }

    #[test]
    fn a_position_of_a_text_is_found_in_whatever_way_it_is_written() {
        assert_eq!(rest(r#""a > 1""#, 1, 3), r#"> 1""#);
        assert_eq!(rest(r"'a > 1'", 1, 3), "> 1'");
        assert_eq!(rest(r#""\"from\" > 1""#, 1, 8), r#"> 1""#);
        assert_eq!(rest(r#""é\u00e9\t> 1""#, 1, 4), r#"> 1""#);
        assert_eq!(rest("\"\"\"\na > 1\n AND b\"\"\"", 2, 6), "b\"\"\"");
        assert_eq!(rest("'''a\n\\> 1'''", 2, 2), "> 1'''");
        assert_eq!(rest("\"\"\"a \\\n   > 1\"\"\"", 1, 3), "> 1\"\"\"");
        assert_eq!(rest(r#""a\nb > 1""#, 2, 3), r#"> 1""#);
        assert_eq!(offset_inside(r#""a""#, Position { line: 9, column: 1 }), None);
    }
}
