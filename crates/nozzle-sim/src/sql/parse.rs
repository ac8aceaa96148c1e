//! A recursive descent over the tokens.

use super::token::{Kind, Token, tokens};
use std::cmp::Ordering;

use super::{Condition, Item, Query, SqlError};

/// Words that end a select item or a table, and so cannot be bare identifiers.
const KEYWORDS: [&str; 13] = [
    "and", "select", "from", "as", "where", "group", "order", "limit", "settings", "union", "join",
    "to", "having",
];

/// Parses one statement.
pub(crate) fn parse(sql: &str) -> Result<Query, SqlError> {
    if sql.trim().is_empty() {
        return Err(SqlError::Empty);
    }
    let mut parser = Parser { tokens: tokens(sql)?, at: 0, non_incremental: None };
    let query = parser.statement()?;
    check_outputs(&query)?;
    Ok(query)
}

/// The server reserves names that start with `_` and refuses a name given twice.
fn check_outputs(query: &Query) -> Result<(), SqlError> {
    if let Some(inner) = &query.inner {
        check_outputs(inner)?;
    }
    let mut seen: Vec<&str> = Vec::new();
    for item in &query.items {
        let (output, renamed) = match item {
            Item::All => continue,
            Item::Column { name, output } => (output, name != output),
            Item::BlockNum { output } | Item::Count { output } | Item::Max { output, .. } => {
                (output, true)
            }
        };
        if renamed && output.starts_with('_') {
            let text = format!("expressions aliased with a leading underscore: '{output}'");
            return Err(SqlError::Forbidden(text));
        }
        if seen.contains(&output.as_str()) {
            return Err(SqlError::Forbidden(format!("duplicate column name: '{output}'")));
        }
        seen.push(output);
    }
    Ok(())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    non_incremental: Option<&'static str>,
}

impl Parser {
    fn statement(&mut self) -> Result<Query, SqlError> {
        let query = self.select()?;
        self.symbol(';');
        if self.peek().kind != Kind::End {
            return Err(self.peek().expected("end of statement"));
        }
        Ok(Query { non_incremental: self.non_incremental, ..query })
    }

    fn select(&mut self) -> Result<Query, SqlError> {
        if !self.keyword("select") {
            return Err(self.peek().expected("an SQL statement"));
        }
        if self.keyword("distinct") {
            self.not_incremental("Distinct");
        }
        let mut items = vec![self.item()?];
        while self.symbol(',') {
            items.push(self.item()?);
        }
        if !self.keyword("from") {
            return Err(self.peek().expected("FROM"));
        }
        let (inner, dataset, table) = if self.symbol('(') {
            let inner = self.select()?;
            self.expect(')')?;
            self.alias()?;
            let (dataset, table) = (inner.dataset.clone(), inner.table.clone());
            (Some(Box::new(inner)), dataset, table)
        } else {
            let (dataset, table) = self.table()?;
            (None, dataset, table)
        };
        let conditions = self.conditions()?;
        self.order_and_limit()?;
        let stream = self.settings()?;
        let non_incremental = None;
        Ok(Query { items, inner, dataset, table, conditions, stream, non_incremental })
    }

    fn conditions(&mut self) -> Result<Vec<Condition>, SqlError> {
        let mut conditions = Vec::new();
        if self.keyword("where") {
            self.all_of(&mut conditions)?;
        }
        Ok(conditions)
    }

    /// Conditions with `AND` between them, some of them perhaps in parentheses.
    fn all_of(&mut self, conditions: &mut Vec<Condition>) -> Result<(), SqlError> {
        loop {
            if self.symbol('(') {
                self.all_of(conditions)?;
                self.expect(')')?;
            } else {
                conditions.push(self.condition()?);
            }
            if !self.keyword("and") {
                return Ok(());
            }
        }
    }

    /// `column < number`; anything else is more than the simulator reads.
    fn condition(&mut self) -> Result<Condition, SqlError> {
        use Ordering::{Equal, Greater, Less};
        let mut column = self.identifier("an expression")?;
        if self.symbol('.') {
            column = self.identifier("identifier")?;
        }
        let orders: &'static [Ordering] = if self.symbol('=') {
            &[Equal]
        } else if self.symbol('<') {
            match (self.symbol('='), self.symbol('>')) {
                (true, _) => &[Less, Equal],
                (_, true) => &[Less, Greater],
                (false, false) => &[Less],
            }
        } else if self.symbol('>') {
            if self.symbol('=') { &[Greater, Equal] } else { &[Greater] }
        } else {
            return Err(self.peek().expected("a comparison"));
        };
        let token = self.next("a number")?;
        let number = match &token.kind {
            Kind::Literal(text) => text.parse().ok(),
            Kind::Word(_) | Kind::Quoted(_) | Kind::Symbol(_) | Kind::End => None,
        };
        Ok(Condition { column, orders, number: number.ok_or_else(|| token.expected("a number"))? })
    }

    fn item(&mut self) -> Result<Item, SqlError> {
        if self.symbol('*') {
            return Ok(Item::All);
        }
        let mut name = self.identifier("an expression")?;
        if self.symbol('(') {
            return self.call(&name);
        }
        if self.symbol('.') {
            if self.symbol('*') {
                return Ok(Item::All);
            }
            name = self.identifier("identifier")?;
        }
        let output = self.alias()?.unwrap_or_else(|| name.clone());
        Ok(Item::Column { name, output })
    }

    /// A function, behind its opening parenthesis.
    fn call(&mut self, function: &str) -> Result<Item, SqlError> {
        match function {
            "block_num" => {
                self.expect(')')?;
                let output = self.alias()?.unwrap_or_else(|| "block_num()".to_owned());
                Ok(Item::BlockNum { output })
            }
            "count" => {
                while !self.symbol(')') {
                    self.next("an argument")?;
                }
                self.not_incremental("Aggregate");
                let output = self.alias()?.unwrap_or_else(|| "count(*)".to_owned());
                Ok(Item::Count { output })
            }
            "max" => {
                let column = self.identifier("an expression")?;
                self.expect(')')?;
                self.not_incremental("Aggregate");
                let output = self.alias()?.unwrap_or_else(|| format!("max({column})"));
                Ok(Item::Max { column, output })
            }
            _ => Err(SqlError::Forbidden(format!("Invalid function '{function}'"))),
        }
    }

    fn table(&mut self) -> Result<(String, String), SqlError> {
        let dataset = self.identifier("identifier")?;
        if !self.symbol('.') {
            let text = format!("table '{dataset}' is not qualified with a dataset");
            return Err(SqlError::Forbidden(text));
        }
        let table = self.identifier("identifier")?;
        if self.symbol('.') {
            let text = "catalog-qualified tables are not supported".to_owned();
            return Err(SqlError::Forbidden(text));
        }
        self.alias()?;
        Ok((dataset, table))
    }

    fn order_and_limit(&mut self) -> Result<(), SqlError> {
        if self.keyword("order") {
            if !self.keyword("by") {
                return Err(self.peek().expected("BY"));
            }
            self.not_incremental("Sort");
            while !self.at_clause() {
                self.next("an expression")?;
            }
        }
        if self.keyword("limit") {
            self.not_incremental("Limit");
            self.next("a number")?;
        }
        Ok(())
    }

    /// `SETTINGS stream = true`; other settings and other values have no effect.
    fn settings(&mut self) -> Result<Option<bool>, SqlError> {
        let mut stream = None;
        if !self.keyword("settings") {
            return Ok(stream);
        }
        loop {
            let key = self.identifier("identifier")?;
            self.expect('=')?;
            let value = self.next("a value")?;
            if key == "stream" && value.is("true") {
                stream = Some(true);
            } else if key == "stream" && value.is("false") {
                stream = Some(false);
            }
            if !self.symbol(',') {
                return Ok(stream);
            }
        }
    }

    fn alias(&mut self) -> Result<Option<String>, SqlError> {
        if self.keyword("as") {
            return self.identifier("an identifier after AS").map(Some);
        }
        match self.peek().kind {
            Kind::Word(_) | Kind::Quoted(_) if !self.peek_is_keyword() => {
                self.identifier("identifier").map(Some)
            }
            Kind::Word(_) | Kind::Quoted(_) | Kind::Literal(_) | Kind::Symbol(_) | Kind::End => {
                Ok(None)
            }
        }
    }

    /// An identifier; lower case unless it is quoted.
    fn identifier(&mut self, what: &str) -> Result<String, SqlError> {
        if self.peek_is_keyword() {
            return Err(self.peek().expected(what));
        }
        match self.next(what)? {
            Token { kind: Kind::Word(word), .. } => Ok(word.to_lowercase()),
            Token { kind: Kind::Quoted(text), .. } => Ok(text),
            token => Err(token.expected(what)),
        }
    }

    fn not_incremental(&mut self, operation: &'static str) {
        self.non_incremental.get_or_insert(operation);
    }

    fn at_clause(&self) -> bool {
        let token = self.peek();
        token.kind == Kind::End || token.is_symbol(';') || token.is("limit") || token.is("settings")
    }

    fn peek(&self) -> &Token {
        // The last token is the end, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek_is_keyword(&self) -> bool {
        KEYWORDS.iter().any(|keyword| self.peek().is(keyword))
    }

    fn next(&mut self, what: &str) -> Result<Token, SqlError> {
        let token = self.peek().clone();
        if token.kind == Kind::End {
            return Err(token.expected(what));
        }
        self.at += 1;
        Ok(token)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek().is(keyword);
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = self.peek().is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: char) -> Result<(), SqlError> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.peek().expected(&symbol.to_string())) }
    }
}
