//! The query as text: what is changed is changed in the user's own words, token by token, so that
//! everything else reaches the server as it was written, whatever of SQL this crate knows.

use std::collections::BTreeMap;

use sqlparser::ast::{Expr, Ident, Query, Statement};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::problem::Problem;

const ONE_QUERY: &str = "write one SELECT, or WITH ... SELECT";

/// A query and what is to be changed in it.
pub(super) struct Text<'a> {
    tokens: Vec<(TokenWithSpan, &'a str)>,
    /// By token.
    replaced: BTreeMap<usize, String>,
    inserted_after: BTreeMap<usize, String>,
}

impl<'a> Text<'a> {
    /// The query's text, and what the parser makes of it.
    pub(super) fn parse(sql: &'a str) -> Result<(Self, Box<Query>), Problem> {
        let dialect = GenericDialect {};
        let tokens = Tokenizer::new(&dialect, sql)
            .tokenize_with_location()
            .map_err(|error| syntax(&error.message, Some(error.location)))?;
        let text = Self::new(sql, tokens.clone());
        text.check_single()?;
        let mut statements = Parser::new(&dialect)
            .with_tokens_with_locations(tokens)
            .parse_statements()
            .map_err(unreadable)?;
        match statements.pop() {
            Some(Statement::Query(query)) => Ok((text, query)),
            Some(_) => {
                let (verb, at) = text.first();
                let problem = format!("the SQL is no query but a statement: {verb}");
                Err(Problem::at(at, problem, ONE_QUERY))
            }
            None => Err(Problem::new(Span::empty(), "the SQL is empty", ONE_QUERY)),
        }
    }

    /// The text of a single expression, and what the parser makes of it.
    pub(super) fn parse_expression(sql: &'a str) -> Result<(Self, Expr), Problem> {
        let dialect = GenericDialect {};
        let tokens = Tokenizer::new(&dialect, sql)
            .tokenize_with_location()
            .map_err(|error| syntax(&error.message, Some(error.location)))?;
        let text = Self::new(sql, tokens.clone());
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let expr = parser.parse_expr().map_err(unreadable)?;
        let rest = parser.peek_token();
        match rest.token {
            Token::EOF => Ok((text, expr)),
            found => {
                let problem = format!("the expression ends before {found}");
                Err(Problem::new(rest.span, problem, "write one expression, and nothing else"))
            }
        }
    }

    fn new(sql: &'a str, tokens: Vec<TokenWithSpan>) -> Self {
        // Places count lines and characters, slices bytes: both are walked along together.
        let mut starts = Vec::with_capacity(tokens.len() + 1);
        let mut places = sql.char_indices();
        let (mut here, mut offset) = (Location::new(1, 1), 0);
        for token in &tokens {
            while here < token.span.start {
                let Some((at, c)) = places.next() else { break };
                offset = at + c.len_utf8();
                here = match c {
                    '\n' => Location::new(here.line + 1, 1),
                    _ => Location::new(here.line, here.column + 1),
                };
            }
            starts.push(offset);
        }
        starts.push(sql.len());
        let slices = starts.windows(2).map(|ends| sql.get(ends[0]..ends[1]).unwrap_or_default());
        Self {
            tokens: tokens.into_iter().zip(slices).collect(),
            replaced: BTreeMap::new(),
            inserted_after: BTreeMap::new(),
        }
    }

    /// Refuses a second statement, at its place.
    fn check_single(&self) -> Result<(), Problem> {
        let mut ended = false;
        for (token, _) in &self.tokens {
            match token.token {
                Token::SemiColon => ended = true,
                Token::Whitespace(_) | Token::EOF => {}
                _ if ended => {
                    let problem = "there are several statements";
                    return Err(Problem::new(token.span, problem, ONE_QUERY));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The first word, and where it is.
    fn first(&self) -> (String, Location) {
        self.tokens
            .iter()
            .find(|(token, _)| matches!(token.token, Token::Word(_)))
            .map_or((String::new(), Location::empty()), |(token, slice)| {
                (slice.to_uppercase(), token.span.start)
            })
    }

    /// Puts `text` in the place of an identifier.
    pub(super) fn replace(&mut self, ident: &Ident, text: String) {
        if let Some(index) = self.index(ident.span.start) {
            self.replaced.insert(index, text);
        }
    }

    /// Selects `column` before everything else that the select at `start` selects.
    pub(super) fn select_first(&mut self, start: Location, column: &str) {
        if let Some(index) = self.index(start) {
            let index = self.behind_quantifier(index);
            self.inserted_after.insert(index, format!(" {column},"));
        }
    }

    /// The last token of `SELECT`, `SELECT ALL` or `SELECT DISTINCT ON (...)`.
    fn behind_quantifier(&self, select: usize) -> usize {
        let next = |index: usize| {
            let rest = self.tokens.iter().enumerate().skip(index + 1);
            rest.map(|(index, (token, _))| (index, &token.token))
                .find(|(_, token)| !matches!(token, Token::Whitespace(_)))
        };
        match next(select) {
            Some((all, Token::Word(word))) if word.keyword == Keyword::ALL => all,
            Some((distinct, Token::Word(word))) if word.keyword == Keyword::DISTINCT => {
                let mut depth = 0_usize;
                let mut last = distinct;
                while let Some((index, token)) = next(last) {
                    last = index;
                    match token {
                        Token::LParen => depth += 1,
                        Token::RParen if depth <= 1 => break,
                        Token::RParen => depth -= 1,
                        _ => {}
                    }
                }
                last
            }
            _ => select,
        }
    }

    fn index(&self, start: Location) -> Option<usize> {
        self.tokens.binary_search_by_key(&start, |(token, _)| token.span.start).ok()
    }

    /// The query with its changes in one line: without comments, with single spaces, so that its
    /// layout is no part of what a checkpoint remembers.
    pub(super) fn finish(self) -> String {
        let mut sql = String::new();
        let mut space = false;
        for (index, (token, slice)) in self.tokens.iter().enumerate() {
            match token.token {
                Token::Whitespace(_) => {
                    space = true;
                    continue;
                }
                // There is one statement, so that this is its end.
                Token::SemiColon | Token::EOF => continue,
                _ => {}
            }
            if space && !sql.is_empty() {
                sql.push(' ');
            }
            space = false;
            sql.push_str(self.replaced.get(&index).map_or(slice, String::as_str));
            if let Some(text) = self.inserted_after.get(&index) {
                sql.push_str(text);
                space = true;
            }
        }
        sql
    }
}

fn unreadable(error: ParserError) -> Problem {
    match error {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => syntax(&text, None),
        ParserError::RecursionLimitExceeded => syntax("it is nested too deeply", None),
    }
}

/// What the parser says, with its place taken from its text unless it is known.
fn syntax(text: &str, location: Option<Location>) -> Problem {
    const REMEDY: &str = "correct the SQL there, or just before";
    let (reason, place) = text.rsplit_once(" at Line: ").unwrap_or((text, ""));
    let parsed = place
        .split_once(", Column: ")
        .and_then(|(line, column)| Some(Location::new(line.parse().ok()?, column.parse().ok()?)));
    let location = location.or(parsed).unwrap_or(Location::empty());
    Problem::at(location, format!("the SQL cannot be read: {reason}"), REMEDY)
}
