//! Looks at every part of a query: resolves its names, and refuses what cannot be streamed.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Distinct, Expr, Function, FunctionArguments, GroupByExpr, Ident, ObjectName, Query, Select,
    SelectFlavor, SelectItem, SetExpr, SetOperator, SetQuantifier, Spanned, TableAlias,
    TableFactor, Visit, Visitor,
};
use sqlparser::tokenizer::Span;

use super::Names;
use super::problem::Problem;
use super::resolve;
use super::sources::Ctes;
use super::text::Text;

/// How to go on without what cannot be streamed.
const MATERIALIZE: &str = "remove it, or stream the built table with QUERY_MODE=table";

/// Functions that make one row of many.
const AGGREGATES: [&str; 36] = [
    "any_value",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "first_value",
    "grouping",
    "last_value",
    "listagg",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "nth_value",
    "percentile_cont",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "var_samp",
    "var_sample",
];

/// Everything that is wrong with the query; what is right is resolved in `text`.
pub(super) fn review(query: &Query, names: &Names<'_>, text: &mut Text<'_>) -> Vec<Problem> {
    let ctes = Ctes::of(query);
    let mut review = Review { names, text, ctes, by_block: Vec::new(), problems: Vec::new() };
    // The visitor never breaks; its answer says nothing.
    _ = query.visit(&mut review);
    review.problems
}

struct Review<'r, 'a> {
    names: &'r Names<'r>,
    text: &'r mut Text<'a>,
    ctes: Ctes,
    /// Of each select around what is looked at: whether it groups by the block.
    by_block: Vec<bool>,
    problems: Vec<Problem>,
}

impl Visitor for Review<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.query(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.select(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
        self.by_block.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.factor(factor);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.expr(expr);
        ControlFlow::Continue(())
    }
}

impl Review<'_, '_> {
    fn refuse(&mut self, span: Span, problem: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(span, problem, remedy));
    }

    /// Refuses an operation that needs rows which are still to come.
    fn not_incremental(&mut self, span: Span, what: &str, why: &str) {
        self.refuse(span, format!("{what} cannot be streamed: {why}"), MATERIALIZE);
    }

    fn query(&mut self, query: &Query) {
        if let Some(with) = query.with.as_ref().filter(|with| with.recursive) {
            let why = "its rows would depend on each other without end";
            self.not_incremental(with.with_token.0.span, "WITH RECURSIVE", why);
        }
        if let Some(order) = &query.order_by {
            let why = "a later block may have a row that belongs before the others";
            self.not_incremental(order.span(), "ORDER BY", why);
        }
        const CUT: &str = "which rows are the first is not known until the last";
        if let Some(limit) = &query.limit_clause {
            self.not_incremental(limit.span(), "LIMIT", CUT);
        }
        if let Some(fetch) = &query.fetch {
            let span = fetch.quantity.as_ref().map_or(Span::empty(), Spanned::span);
            self.not_incremental(span, "FETCH", CUT);
        }
        let odd = !query.locks.is_empty()
            || query.for_clause.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        if odd {
            let problem = "FOR, FORMAT and |> are not understood by the server";
            self.refuse(query.span(), problem, "remove the clause");
        }
        self.body(&query.body);
    }

    fn body(&mut self, body: &SetExpr) {
        const DISTINCT: &str =
            "a row that comes twice can be told only with all the others at hand";
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) => {}
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                match (op, set_quantifier) {
                    (SetOperator::Union, SetQuantifier::All) => {}
                    (SetOperator::Union, _) => {
                        let problem = format!("UNION cannot be streamed: {DISTINCT}");
                        self.refuse(right.span(), problem, "write UNION ALL");
                    }
                    (operator, _) => {
                        self.not_incremental(right.span(), &operator.to_string(), DISTINCT);
                    }
                }
                self.body(left);
                self.body(right);
            }
            SetExpr::Values(values) => {
                let problem = "VALUES are of no block, and never streamed";
                self.refuse(values.span(), problem, "select from a table");
            }
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => {
                let problem = "the SQL changes data, where it is to select some";
                self.refuse(statement.span(), problem, "write a SELECT");
            }
            SetExpr::Table(table) => {
                let name = table.table_name.as_deref().unwrap_or("...");
                let problem = "TABLE is not understood here";
                self.refuse(Span::empty(), problem, format!("write SELECT * FROM {name}"));
            }
        }
    }

    fn select(&mut self, select: &Select) {
        let span = select.select_token.0.span;
        let mut by_block = false;
        match &select.distinct {
            None | Some(Distinct::All) => {}
            Some(Distinct::On(keys)) if keys.iter().any(is_block_num) => by_block = true,
            Some(Distinct::On(_) | Distinct::Distinct) => {
                let problem = "DISTINCT cannot be streamed: a row that comes twice can be told \
                               only with all the others at hand";
                let remedy = "remove it, or write DISTINCT ON (block_num(), ...), which tells \
                              them apart within each block";
                self.refuse(span, problem, remedy);
            }
        }
        match &select.group_by {
            GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => {
                by_block |= keys.iter().any(is_block_num);
                if let (false, Some(first)) = (by_block, keys.first()) {
                    self.grouped(first.span());
                }
            }
            GroupByExpr::Expressions(..) | GroupByExpr::All(_) => self.grouped(span),
        }
        self.by_block.push(by_block);
        if !select.named_window.is_empty() || select.qualify.is_some() {
            self.window(span);
        }
        let odd = select.top.is_some()
            || select.into.is_some()
            || select.prewhere.is_some()
            || select.value_table_mode.is_some()
            || !select.lateral_views.is_empty()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.flavor != SelectFlavor::Standard;
        if odd {
            let problem = "the SELECT has a clause that the server does not understand";
            self.refuse(span, problem, "write SELECT ... FROM ... WHERE ...");
        }
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => self.alias(alias),
                SelectItem::ExprWithAliases { aliases, .. } => {
                    aliases.iter().for_each(|alias| self.alias(alias));
                }
                SelectItem::UnnamedExpr(_)
                | SelectItem::QualifiedWildcard(..)
                | SelectItem::Wildcard(_) => {}
            }
        }
    }

    fn grouped(&mut self, span: Span) {
        let problem = "GROUP BY cannot be streamed: a later block may add to any group";
        let remedy = "group by block_num() too, which needs a server since March 2026, or stream \
                      the built table with QUERY_MODE=table";
        self.refuse(span, problem, remedy);
    }

    fn window(&mut self, span: Span) {
        self.not_incremental(span, "a window function", "a later block may change its frame");
    }

    fn alias(&mut self, alias: &Ident) {
        if alias.value.starts_with('_') {
            let problem = format!("the alias {alias} starts with _, which the server reserves");
            self.refuse(alias.span, problem, "choose another one");
        }
    }

    fn factor(&mut self, factor: &TableFactor) {
        let (name, alias, is_function) = match factor {
            TableFactor::Table { name, alias, args, .. } => (name, alias, args.is_some()),
            TableFactor::Function { name, alias, .. } => (name, alias, true),
            TableFactor::Derived { alias, .. } => return self.table_alias(alias.as_ref()),
            _ => return,
        };
        self.table_alias(alias.as_ref());
        if is_function { self.function(name) } else { self.table(name) }
    }

    fn table_alias(&mut self, alias: Option<&TableAlias>) {
        if let Some(alias) = alias {
            self.alias(&alias.name);
        }
    }

    fn table(&mut self, name: &ObjectName) {
        let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
        match parts.as_deref() {
            Some([table]) if self.ctes.has(table) => {}
            Some([table]) => {
                let remedy = match self.names.dependencies {
                    [only] => format!("write {}.{table}", only.alias()),
                    _ => format!("write the alias of a dependency before it: alias.{table}"),
                };
                let problem = format!("`{table}` does not say of which dataset it is");
                self.refuse(table.span, problem, remedy);
            }
            Some([dataset, _]) => self.dataset(dataset),
            _ => {
                let problem = format!("{name} is not of the form dataset.table");
                self.refuse(name.span(), problem, "write the dataset and the table, no more");
            }
        }
    }

    fn dataset(&mut self, ident: &Ident) {
        match resolve::dataset(self.names, ident) {
            Ok(None) => {}
            Ok(Some(reference)) => self.text.replace(ident, reference),
            Err((problem, remedy)) => self.refuse(ident.span, problem, remedy),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Function(function) => self.call(function),
            Expr::InSubquery { negated: true, .. } | Expr::Exists { negated: true, .. } => {
                let why = "a later block may have the row that was missing";
                self.not_incremental(expr.span(), "NOT IN or NOT EXISTS of a query", why);
            }
            Expr::Subquery(query) => {
                let why = "a later block may change it for rows that are long written";
                self.not_incremental(query.span(), "a query as a value", why);
            }
            _ => {}
        }
    }

    fn call(&mut self, function: &Function) {
        if function.over.is_some() {
            self.window(function.name.span());
        } else if is_aggregate(function) && !self.by_block.last().copied().unwrap_or_default() {
            let name = &function.name;
            let problem =
                format!("{name}() cannot be streamed: a later block may change its value");
            let remedy = "group by block_num(), which needs a server since March 2026, or stream \
                          the built table with QUERY_MODE=table";
            self.refuse(name.span(), problem, remedy);
        }
        self.function(&function.name);
    }

    /// The name of a function: without a dataset it is the server's own.
    fn function(&mut self, name: &ObjectName) {
        let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
        let own = match parts.as_deref() {
            Some([function]) => self
                .names
                .functions
                .iter()
                .any(|own| own.name().eq_ignore_ascii_case(&function.value)),
            Some([dataset, _]) if dataset.value.eq_ignore_ascii_case("self") => true,
            Some([dataset, _]) => return self.dataset(dataset),
            _ => {
                let problem = format!("{name} is not of the form dataset.function");
                return self.refuse(name.span(), problem, "write the dataset and the function");
            }
        };
        if own {
            let problem =
                format!("{name}() is a function of this dataset, which only its build has");
            let remedy = "do without it, or stream the built table with QUERY_MODE=table";
            self.refuse(name.span(), problem, remedy);
        }
    }
}

/// Whether it is `block_num()`, the block number of a row made of several.
pub(super) fn is_block_num(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_block_num(inner),
        Expr::Function(function) => is_named(function, "block_num") && has_no_arguments(function),
        _ => false,
    }
}

pub(super) fn is_named(function: &Function, name: &str) -> bool {
    matches!(function.name.0.as_slice(), [part]
        if part.as_ident().is_some_and(|ident| ident.value.eq_ignore_ascii_case(name)))
}

fn has_no_arguments(function: &Function) -> bool {
    match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty(),
        FunctionArguments::Subquery(_) => false,
    }
}

pub(super) fn is_aggregate(function: &Function) -> bool {
    AGGREGATES.iter().any(|name| is_named(function, name))
}
