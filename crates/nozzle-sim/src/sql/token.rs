//! The words of a query, each with its place.

use super::SqlError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An unquoted identifier or keyword, as written.
    Word(String),
    Quoted(String),
    /// A number or a string literal.
    Literal(String),
    Symbol(char),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    line: usize,
    column: usize,
}

impl Token {
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(&self.kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn is_symbol(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    /// The error of a parser that wanted something else here.
    pub(super) fn expected(&self, what: &str) -> SqlError {
        let found = match &self.kind {
            Kind::Word(text) | Kind::Literal(text) => text.clone(),
            Kind::Quoted(text) => format!("\"{text}\""),
            Kind::Symbol(symbol) => symbol.to_string(),
            Kind::End => return SqlError::Syntax(format!("Expected: {what}, found: EOF")),
        };
        let (line, column) = (self.line, self.column);
        SqlError::Syntax(format!(
            "Expected: {what}, found: {found} at Line: {line}, Column: {column}"
        ))
    }
}

/// The words of `sql`, ended by [`Kind::End`].
pub(super) fn tokens(sql: &str) -> Result<Vec<Token>, SqlError> {
    let mut tokens = Vec::new();
    for (number, line) in sql.lines().enumerate() {
        let line = line.split_once("--").map_or(line, |(code, _)| code);
        let mut rest = line;
        loop {
            rest = rest.trim_start();
            let Some(first) = rest.chars().next() else { break };
            let column = line.len() - rest.len() + 1;
            let (kind, length) = token(first, rest)?;
            tokens.push(Token { kind, line: number + 1, column });
            rest = &rest[length..];
        }
    }
    tokens.push(Token { kind: Kind::End, line: 0, column: 0 });
    Ok(tokens)
}

/// The token at the start of `rest`, and its length.
fn token(first: char, rest: &str) -> Result<(Kind, usize), SqlError> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    match first {
        '"' | '\'' => {
            let end = rest[1..].find(first).map(|end| end + 1).ok_or_else(|| {
                SqlError::Syntax("Unterminated quoted identifier or string literal".to_owned())
            })?;
            let text = rest[1..end].to_owned();
            let kind = if first == '"' { Kind::Quoted(text) } else { Kind::Literal(text) };
            Ok((kind, end + 1))
        }
        _ if is_word(first) => {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let text = rest[..end].to_owned();
            let number = first.is_ascii_digit();
            Ok((if number { Kind::Literal(text) } else { Kind::Word(text) }, end))
        }
        _ => Ok((Kind::Symbol(first), first.len_utf8())),
    }
}
