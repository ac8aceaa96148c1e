//! A row filter that a user writes beside the query: one expression, checked before a server
//! sees it.

use std::ops::ControlFlow;

use sqlparser::ast::{AccessExpr, Expr, Function, Query, Spanned, Value, Visit, Visitor};
use sqlparser::tokenizer::Span;

use super::block::folded;
use super::problem::{Problem, position};
use super::review::{is_aggregate, is_named};
use super::text::Text;
use crate::diagnostic::Position;

/// Functions that do not always answer the same, so that a row once sent might be missing when the
/// stream is replayed.
const VOLATILE: [&str; 12] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "localtime",
    "localtimestamp",
    "now",
    "rand",
    "random",
    "to_local_time",
    "today",
    "uuid",
];

/// What must be true of a row so that it is streamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    sql: String,
    columns: Vec<FilterColumn>,
}

/// A column that a filter reads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FilterColumn {
    /// Its name as a server reads it; of `a.b` both parts, either of which may be the column.
    names: Vec<String>,
    position: Option<Position>,
}

impl Filter {
    /// Reads an expression as it follows `WHERE`.
    ///
    /// # Errors
    /// Everything because of which it cannot be the filter of a stream, each with its place in
    /// the text.
    pub fn parse(sql: &str) -> Result<Self, Vec<Problem>> {
        let (text, expr) = Text::parse_expression(sql).map_err(|problem| vec![problem])?;
        let mut review = Review::default();
        // The visitor never breaks; its answer says nothing.
        _ = expr.visit(&mut review);
        let Review { columns, problems, .. } = review;
        if problems.is_empty() { Ok(Self { sql: text.finish(), columns }) } else { Err(problems) }
    }

    /// The expression in one line.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The columns that are none of `known`, where each of them stands: a name that is looked up
    /// in a table, and its place in the text that was parsed.
    pub fn unknown<'a>(
        &'a self,
        known: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a str, Option<Position>)> {
        let unknown =
            self.columns.iter().filter(move |column| !column.names.iter().any(|name| known(name)));
        unknown.filter_map(|column| Some((column.names.last()?.as_str(), column.position)))
    }
}

#[derive(Default)]
struct Review {
    columns: Vec<FilterColumn>,
    /// Where fields of columns are named, which are no columns.
    fields: Vec<Span>,
    problems: Vec<Problem>,
}

impl Review {
    fn refuse(&mut self, span: Span, problem: impl Into<String>, remedy: &str) {
        self.problems.push(Problem::new(span, problem, remedy));
    }

    fn call(&mut self, function: &Function) {
        let (name, span) = (&function.name, function.name.span());
        if function.over.is_some() {
            let problem = "a window function cannot be in a filter";
            self.refuse(span, problem, "write a condition on the columns of the row itself");
        } else if is_aggregate(function) {
            let problem = format!("{name}() is made of many rows, and a filter sees one");
            self.refuse(span, problem, "write a condition on the columns of the row itself");
        } else if VOLATILE.iter().any(|volatile| is_named(function, volatile)) {
            let problem = format!("{name}() changes, and a replay has to choose the same rows");
            self.refuse(span, problem, "write a constant");
        }
    }
}

impl Visitor for Review {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let problem = "a filter cannot ask another query";
        self.refuse(query.span(), problem, "write a condition on the columns of the row itself");
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.call(function),
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
                self.refuse(
                    value.span,
                    "there is nothing to put in this place",
                    "write a constant",
                );
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                let fields = access_chain.iter().filter_map(|access| match access {
                    AccessExpr::Dot(field) => Some(field.span()),
                    AccessExpr::Subscript(_) => None,
                });
                self.fields.extend(fields);
            }
            Expr::Identifier(ident) if !self.fields.contains(&ident.span) => {
                let position = position(ident.span.start);
                self.columns.push(FilterColumn { names: vec![folded(ident)], position });
            }
            Expr::CompoundIdentifier(parts) => {
                let position = parts.first().and_then(|part| position(part.span.start));
                let names = parts.iter().map(folded).collect();
                self.columns.push(FilterColumn { names, position });
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
