//! Texts as they are written in SQL, under the names that PostgreSQL has for the same.

/// A text as a literal, whatever `standard_conforming_strings` says. PostgreSQL has no text with a
/// NUL character; whether there is one is the caller's to check.
#[must_use]
pub fn quote_literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// A name that PostgreSQL itself gave, quoted. Such a name is valid, so it is not checked again;
/// one from elsewhere becomes an [`Ident`](crate::Ident), which is.
#[must_use]
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names that the catalog gave, quoted, in parentheses.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(quote_ident).collect();
    format!("({})", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_be_left() {
        assert_eq!(quote_literal(r"a'b\c"), r"E'a''b\\c'");
    }
}
