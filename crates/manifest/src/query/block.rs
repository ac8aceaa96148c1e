//! Sees to it that the result has each row's block number, and tells in which column.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte, Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    JoinOperator, ObjectName, Query, Select, SelectItem, SetExpr, Spanned, TableAlias, TableFactor,
    TableWithJoins, WildcardAdditionalOptions, visit_expressions,
};
use sqlparser::tokenizer::Span;

use super::problem::Problem;
use super::review::{is_block_num, is_named};
use super::sources::same;
use super::text::Text;
use crate::quoted::quoted;

/// The column that every table of a dataset has.
const BLOCK_NUM: &str = "_block_num";
/// What the block number is called where rows are made of several: the server reserves names that
/// start with `_`, and `block_num` is what many queries select themselves.
const ADDED: &str = "ampsync_block_num";

type Outcome<T> = Result<T, Box<Problem>>;

/// Selects the block number where the query does not, and returns its column.
pub(super) fn select(query: &Query, text: &mut Text<'_>) -> Outcome<String> {
    let mut selector = Selector { text };
    if selector.joins(query, &[])? > 1 {
        return Err(stacked(query));
    }
    Ok(selector.query(query, &[])?.column)
}

fn refused(span: Span, problem: impl Into<String>, remedy: impl Into<String>) -> Box<Problem> {
    Box::new(Problem::new(span, problem, remedy))
}

fn stacked(query: &Query) -> Box<Problem> {
    let problem = "a join of a join cannot be streamed: the server follows one level of them";
    let remedy = "let one of them be a table of the dataset, or stream the built table with \
                  QUERY_MODE=table";
    refused(query.span(), problem, remedy)
}

/// How the result of a query has the block number.
struct Found {
    /// Under which name.
    column: String,
    /// As which of its columns, where that can be told.
    index: Option<usize>,
    /// Whether it was added, as the first one.
    added: bool,
}

/// What a select reads.
enum Source<'q> {
    /// A table of a dataset.
    Table,
    /// The result of another query, which sees these common table expressions.
    Query(&'q Query, Vec<&'q Cte>),
    /// Rows made of each row, as by `unnest`.
    Function,
}

struct Selector<'t, 'a> {
    text: &'t mut Text<'a>,
}

impl Selector<'_, '_> {
    fn query<'q>(&mut self, query: &'q Query, outer: &[&'q Cte]) -> Outcome<Found> {
        let scope = scope(query, outer);
        self.body(&query.body, &scope)
    }

    fn body<'q>(&mut self, body: &'q SetExpr, scope: &[&'q Cte]) -> Outcome<Found> {
        match body {
            SetExpr::Select(select) => self.select(select, scope),
            SetExpr::Query(query) => self.query(query, scope),
            SetExpr::SetOperation { left, right, .. } => {
                let first = self.body(left, scope)?;
                let second = self.body(right, scope)?;
                let aligned = first.index.is_some() && first.index == second.index;
                if first.added != second.added || !aligned {
                    let problem = format!(
                        "the parts of UNION ALL have the block number in different columns, or \
                         only some select `{}`",
                        first.column
                    );
                    let remedy = "select it in the same place of all parts, or in none";
                    return Err(refused(right.span(), problem, remedy));
                }
                Ok(first)
            }
            // Refused before.
            SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => Err(no_table(body.span())),
        }
    }

    fn select<'q>(&mut self, select: &'q Select, scope: &[&'q Cte]) -> Outcome<Found> {
        let span = select.select_token.0.span;
        let mut sources = Vec::new();
        for (factor, _) in factors(&select.from) {
            let source = source(factor, scope);
            check_alias(factor, &source)?;
            if !matches!(source, Source::Function) {
                sources.push(source);
            }
        }
        let joined = sources.len() > 1 || semi_joins(select) > 0;
        let Some(source) = sources.into_iter().next() else { return Err(no_table(span)) };
        let mingled = joined || is_grouped(select);
        let inner = match source {
            // The server carries the block number of what is mingled along by itself.
            Source::Query(query, scope) if !mingled => self.query(query, &scope)?,
            Source::Query(..) | Source::Table | Source::Function => {
                Found { column: BLOCK_NUM.to_owned(), index: Some(0), added: false }
            }
        };
        if let Some(found) = find(select, &inner, joined)? {
            return Ok(found);
        }
        let (text, column) = if mingled {
            (format!("block_num() AS {ADDED}"), ADDED.to_owned())
        } else {
            (quoted(&inner.column), inner.column)
        };
        self.text.select_first(span.start, &text);
        Ok(Found { column, index: Some(0), added: true })
    }

    /// How many joins a row of the result has gone through.
    fn joins<'q>(&mut self, query: &'q Query, outer: &[&'q Cte]) -> Outcome<usize> {
        let scope = scope(query, outer);
        self.joins_of(&query.body, &scope)
    }

    fn joins_of<'q>(&mut self, body: &'q SetExpr, scope: &[&'q Cte]) -> Outcome<usize> {
        match body {
            SetExpr::Query(query) => self.joins(query, scope),
            SetExpr::SetOperation { left, right, .. } => {
                Ok(self.joins_of(left, scope)?.max(self.joins_of(right, scope)?))
            }
            SetExpr::Select(select) => {
                let (mut here, mut below) = (semi_joins(select), 0);
                let mut relations = 0;
                for (factor, operator) in factors(&select.from) {
                    check_join(factor, operator)?;
                    match source(factor, scope) {
                        Source::Function => continue,
                        Source::Table => {}
                        Source::Query(query, scope) => {
                            below = self.joins(query, &scope)?.max(below);
                        }
                    }
                    relations += 1;
                }
                here += usize::saturating_sub(relations, 1);
                Ok(here + below)
            }
            SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => Ok(0),
        }
    }
}

fn no_table(span: Span) -> Box<Problem> {
    refused(span, "it reads no table, and so is of no block", "select from a table")
}

/// The common table expressions that the query sees.
fn scope<'q>(query: &'q Query, outer: &[&'q Cte]) -> Vec<&'q Cte> {
    let own = query.with.iter().flat_map(|with| &with.cte_tables);
    outer.iter().copied().chain(own).collect()
}

/// What `FROM` has, with what joins it to the rest.
fn factors(from: &[TableWithJoins]) -> Vec<(&TableFactor, Option<&JoinOperator>)> {
    let mut all = Vec::new();
    for TableWithJoins { relation, joins } in from {
        let joined = joins.iter().map(|join| (&join.relation, Some(&join.join_operator)));
        for (factor, operator) in std::iter::once((relation, None)).chain(joined) {
            match factor {
                TableFactor::NestedJoin { table_with_joins, .. } => {
                    let mut nested = factors(std::slice::from_ref(table_with_joins));
                    if let (Some((_, first)), Some(_)) = (nested.first_mut(), operator) {
                        *first = operator;
                    }
                    all.extend(nested);
                }
                factor => all.push((factor, operator)),
            }
        }
    }
    all
}

fn source<'q>(factor: &'q TableFactor, scope: &[&'q Cte]) -> Source<'q> {
    match factor {
        TableFactor::Table { args: None, name: ObjectName(parts), .. } => {
            let [part] = parts.as_slice() else { return Source::Table };
            let named = |cte: &&Cte| part.as_ident().is_some_and(|id| same(&cte.alias.name, id));
            match scope.iter().rposition(named) {
                // An expression sees those before it.
                Some(index) => Source::Query(&scope[index].query, scope[..index].to_vec()),
                None => Source::Table,
            }
        }
        TableFactor::Derived { subquery, .. } => Source::Query(subquery, scope.to_vec()),
        _ => Source::Function,
    }
}

/// Refuses a list of names that would give the block number another one, or none.
fn check_alias(factor: &TableFactor, source: &Source<'_>) -> Outcome<()> {
    let alias: Option<&TableAlias> = match factor {
        TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } => alias.as_ref(),
        _ => None,
    };
    match (source, alias) {
        (Source::Table | Source::Query(..), Some(alias)) if !alias.columns.is_empty() => {
            let problem = format!("the names after {} hide the block number", alias.name);
            let remedy = "remove the list, and write AS after each column instead";
            Err(refused(alias.name.span, problem, remedy))
        }
        _ => Ok(()),
    }
}

fn check_join(factor: &TableFactor, operator: Option<&JoinOperator>) -> Outcome<()> {
    use JoinOperator as J;
    let (what, why) = match operator {
        None
        | Some(
            J::Join(_)
            | J::Inner(_)
            | J::CrossJoin(_)
            | J::Semi(_)
            | J::LeftSemi(_)
            | J::RightSemi(_)
            | J::StraightJoin(_),
        ) => return Ok(()),
        Some(
            J::Left(_)
            | J::LeftOuter(_)
            | J::Right(_)
            | J::RightOuter(_)
            | J::FullOuter(_)
            | J::OuterApply,
        ) => ("an outer join", "a later block may have the row that was missing"),
        Some(J::Anti(_) | J::LeftAnti(_) | J::RightAnti(_)) => {
            ("an anti join", "a later block may have the row that was missing")
        }
        Some(
            J::CrossApply | J::AsOf { .. } | J::ArrayJoin | J::LeftArrayJoin | J::InnerArrayJoin,
        ) => ("this join", "the server does not know it"),
    };
    let remedy = "write an inner join, or stream the built table with QUERY_MODE=table";
    Err(refused(factor.span(), format!("{what} cannot be streamed: {why}"), remedy))
}

/// How many conditions ask another query, which makes joins of them.
fn semi_joins(select: &Select) -> usize {
    let mut count = 0;
    _ = visit_expressions(&select.selection, |expr| {
        count += usize::from(matches!(expr, Expr::InSubquery { .. } | Expr::Exists { .. }));
        ControlFlow::<()>::Continue(())
    });
    count
}

fn is_grouped(select: &Select) -> bool {
    let grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
    };
    grouped || matches!(select.distinct, Some(Distinct::On(_)))
}

/// Finds the block number among what is selected.
fn find(select: &Select, inner: &Found, joined: bool) -> Outcome<Option<Found>> {
    let column = inner.column.as_str();
    for (index, item) in select.projection.iter().enumerate() {
        // What a `*` before it stands for is not counted.
        let index = Some(index).filter(|index| !select.projection[..*index].iter().any(is_all));
        let explicit = |column: String| Some(Found { column, index, added: false });
        let found = match item {
            SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
                if joined {
                    return Err(wildcard(select));
                }
                check_wildcard(options, column)?;
                let index = index.zip(inner.index).map(|(before, inside)| before + inside);
                Some(Found { column: column.to_owned(), index, added: inner.added })
            }
            SelectItem::UnnamedExpr(expr) if is_block_num(expr) => {
                explicit("block_num()".to_owned())
            }
            SelectItem::UnnamedExpr(expr) => match place(expr, column) {
                Some(span) if joined => return Err(one_side(span)),
                Some(_) => explicit(column.to_owned()),
                None => None,
            },
            SelectItem::ExprWithAlias { expr, alias } => {
                let is_it = match joined {
                    true => is_block_num(expr) || is_greatest(expr),
                    false => is_block_num(expr) || place(expr, column).is_some(),
                };
                if is_it { explicit(folded(alias)) } else { None }
            }
            SelectItem::ExprWithAliases { .. } => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn is_all(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

fn wildcard(select: &Select) -> Box<Problem> {
    let problem = "* cannot be streamed from a join: both sides have a block number";
    let remedy = "list the columns; the block number is added as block_num()";
    refused(select.select_token.0.span, problem, remedy)
}

fn one_side(span: Span) -> Box<Problem> {
    let problem = "`_block_num` is that of one side of a join, not that of the row";
    refused(span, problem, "remove it, or write block_num() AS block; without it, it is added")
}

/// Refuses a `*` that leaves out or renames the block number.
fn check_wildcard(options: &WildcardAdditionalOptions, column: &str) -> Outcome<()> {
    let renames = options.opt_ilike.is_some()
        || options.opt_replace.is_some()
        || options.opt_rename.is_some()
        || options.opt_alias.is_some();
    let left_out = [
        options.opt_exclude.as_ref().map(ToString::to_string),
        options.opt_except.as_ref().map(ToString::to_string),
    ];
    let hides = left_out.iter().flatten().any(|clause| {
        clause
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word.eq_ignore_ascii_case(column))
    });
    if renames || hides {
        let problem = format!("what * leaves out or renames may be the block number, {column}");
        return Err(refused(options.wildcard_token.0.span, problem, "list the columns instead"));
    }
    Ok(())
}

/// Where the expression is the column and nothing else.
fn place(expr: &Expr, column: &str) -> Option<Span> {
    let ident = match expr {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(parts) => parts.last()?,
        _ => return None,
    };
    (folded(ident) == column).then_some(ident.span)
}

/// `greatest(a._block_num, b._block_num)`: the block number of a joined row before there was
/// `block_num()`.
fn is_greatest(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let FunctionArguments::List(list) = &function.args else { return false };
    let is_block = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => place(expr, BLOCK_NUM).is_some(),
        _ => false,
    };
    is_named(function, "greatest") && list.args.iter().all(is_block)
}

/// The name as a server reads it.
pub(super) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}
