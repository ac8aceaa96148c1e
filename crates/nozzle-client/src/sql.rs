//! Asks for streaming inside the SQL text, which servers older than the `amp-stream` header need.

/// `sql` with `SETTINGS stream = true` on its outermost query.
///
/// Trailing semicolons and comments go. A statement that already has a `stream` setting, whatever
/// its value, keeps it: nobody's own words are changed.
pub(crate) fn streaming(sql: &str) -> String {
    let mut tokens = tokens(sql);
    while tokens.last().is_some_and(|token| token.text == ";") {
        tokens.pop();
    }
    let statement = &sql[..tokens.last().map_or(0, |token| token.end)];
    match settings(&tokens) {
        Some(keys) if keys.iter().any(|key| key.eq_ignore_ascii_case("stream")) => {
            statement.to_owned()
        }
        Some(_) => format!("{statement}, stream = true"),
        None => format!("{statement} SETTINGS stream = true"),
    }
}

/// The keys of the outermost query's `SETTINGS` clause, if it has one.
///
/// `settings` is also a fine name for a table, so only `SETTINGS key =` counts.
fn settings<'a>(tokens: &[Token<'a>]) -> Option<Vec<&'a str>> {
    let clause = tokens.windows(3).rposition(|window| {
        window[0].depth == 0
            && window[0].text.eq_ignore_ascii_case("settings")
            && window[2].text == "="
    })?;
    let keys = tokens[clause..].windows(3).filter(|window| {
        (window[0].text == "," || window[0].text.eq_ignore_ascii_case("settings"))
            && window[2].text == "="
    });
    Some(keys.map(|window| window[1].text).collect())
}

/// A word, a quoted text or a single other character.
struct Token<'a> {
    text: &'a str,
    end: usize,
    /// How many parentheses are open around it.
    depth: usize,
}

/// The tokens of `sql`, without white space and comments.
fn tokens(sql: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut depth, mut end) = (Vec::new(), 0_usize, 0);
    while let Some(first) = sql[end..].chars().next() {
        let rest = &sql[end..];
        let (length, skip) = match first {
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), true),
            '/' if rest.starts_with("/*") => (comment(rest), true),
            '\'' | '"' | '`' => (quoted(rest, first), false),
            _ if first.is_whitespace() => (first.len_utf8(), true),
            _ if in_word(first) => (rest.find(|c| !in_word(c)).unwrap_or(rest.len()), false),
            _ => (first.len_utf8(), false),
        };
        end += length;
        match first {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !skip {
            tokens.push(Token { text: &rest[..length], end, depth });
        }
    }
    tokens
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the quoted text at the start of `rest`. A doubled quote ends one text and starts
/// the next, which is as good here.
fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |index| index + 2)
}

/// The length of the block comment at the start of `rest`; they nest.
fn comment(rest: &str) -> usize {
    let (mut depth, mut length) = (0_usize, 0);
    while let Some(next) = rest[length..].chars().next() {
        if rest[length..].starts_with("/*") {
            (depth, length) = (depth + 1, length + 2);
        } else if rest[length..].starts_with("*/") {
            (depth, length) = (depth - 1, length + 2);
        } else {
            length += next.len_utf8();
        }
        if depth == 0 {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_told_to_stream_once() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1 SETTINGS stream = true"),
            ("  SELECT 1 ;\n; ", "  SELECT 1 SETTINGS stream = true"),
            ("SELECT 1; -- the end", "SELECT 1 SETTINGS stream = true"),
            ("SELECT 1 /* a; /* b */ c */", "SELECT 1 SETTINGS stream = true"),
            ("SELECT ';' -- ;", "SELECT ';' SETTINGS stream = true"),
            ("SELECT ä", "SELECT ä SETTINGS stream = true"),
            ("SELECT 1 settings STREAM = true;", "SELECT 1 settings STREAM = true"),
            ("SELECT 1 SETTINGS stream=false", "SELECT 1 SETTINGS stream=false"),
            ("SELECT 1 SETTINGS a = 1", "SELECT 1 SETTINGS a = 1, stream = true"),
            ("SELECT 1 SETTINGS a = 1, stream = true", "SELECT 1 SETTINGS a = 1, stream = true"),
        ] {
            assert_eq!(streaming(sql), expected);
            assert_eq!(streaming(expected), expected);
        }
    }

    #[test]
    fn what_only_looks_like_the_clause_is_left_alone() {
        for sql in [
            "SELECT 'SETTINGS stream = true'",
            "SELECT \"SETTINGS stream = true\" FROM t",
            "SELECT 'it''s SETTINGS stream = true'",
            "SELECT * FROM settings WHERE stream = true",
            "SELECT * FROM (SELECT 1 SETTINGS stream = true) t",
        ] {
            assert_eq!(streaming(sql), format!("{sql} SETTINGS stream = true"));
        }
        assert_eq!(
            streaming("SELECT 1 -- SETTINGS stream = true"),
            "SELECT 1 SETTINGS stream = true"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_only_once(sql in "[-a ;,='\"`(/*)\nä]{0,24}") {
            let once = streaming(&sql);
            prop_assert!(once.len() <= sql.len() + 24);
        }
    }
}
