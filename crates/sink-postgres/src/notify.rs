//! Announcing a commit to those who listen, as a part of it.

use ampsync_schema::{Ident, QualifiedName, quote_literal};
use sync_core::Advance;
use sync_core::chain::{BlockNum, Cursor};

/// What a commit did, for its announcement.
pub(crate) struct Announced<'a> {
    pub(crate) table: &'a QualifiedName,
    pub(crate) advance: &'a Advance,
    /// Through which block the table had rows before.
    pub(crate) reached: Option<BlockNum>,
    /// The lowest block whose rows a reorg has replaced.
    pub(crate) base: Option<BlockNum>,
    /// How many rows it adds.
    pub(crate) rows: u64,
}

/// Through which block a table has rows.
pub(crate) fn reached(cursor: Option<&Cursor>, provisional: Option<BlockNum>) -> Option<BlockNum> {
    cursor.map(|cursor| cursor.number).max(provisional)
}

impl Announced<'_> {
    /// The statement that announces it once the transaction commits, and never otherwise.
    pub(crate) fn statement(&self, channel: &Ident) -> String {
        let channel = quote_literal(channel.as_str());
        format!("SELECT pg_notify({channel}, {})", quote_literal(&self.payload()))
    }

    /// At most 1,000 bytes, of the 8,000 that there may be.
    fn payload(&self) -> String {
        let advance = self.advance;
        let next = || self.reached.map(BlockNum::next).or(advance.first_block);
        let number = |number: Option<BlockNum>| {
            number.map_or_else(|| "null".to_owned(), |number| number.to_string())
        };
        format!(
            r#"{{"table":{},"schema":{},"block":{},"from":{},"reorg":{},"provisional":{},"rows":{}}}"#,
            quoted(self.table.name.as_str()),
            quoted(self.table.schema.as_str()),
            number(reached(advance.cursor.as_ref(), advance.provisional)),
            number(self.base.or_else(next)),
            self.base.is_some(),
            advance.provisional.is_some(),
            self.rows,
        )
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|character| match character {
        '"' | '\\' => format!("\\{character}"),
        '\0'..='\x1f' => format!("\\u{:04x}", u32::from(character)),
        _ => character.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_characters_is_json() {
        for text in ["logs", "a\"b\\c", "tab\t\u{1}", "größe \u{1f980}", "'"] {
            let parsed: String = serde_json::from_str(&quoted(text)).unwrap();
            assert_eq!(parsed, text);
        }
    }
}
