//! Which tables a query reads.

use std::fmt;
use std::ops::ControlFlow;

use sqlparser::ast::{Ident, ObjectName, Query, Visit, Visitor};

use super::text::Text;

/// A table that a query reads, as the query writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTable {
    /// The dataset: `eth`, or `"ns/name@1.0.0"` with its quotes.
    pub dataset: String,
    /// The table, with quotes where it has some.
    pub table: String,
}

impl fmt::Display for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.dataset, self.table)
    }
}

/// The tables that a query reads, each once, in the order in which they are named. None where the
/// query cannot be read.
#[must_use]
pub fn sources(sql: &str) -> Vec<SourceTable> {
    let Ok((_, query)) = Text::parse(sql) else { return Vec::new() };
    let mut sources = Sources(Vec::new());
    // The visitor never breaks; its answer says nothing.
    _ = query.visit(&mut sources);
    sources.0
}

struct Sources(Vec<SourceTable>);

impl Visitor for Sources {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        // A common table expression has no dataset.
        if let [dataset, table] = name.0.as_slice() {
            let source = SourceTable { dataset: dataset.to_string(), table: table.to_string() };
            if !self.0.contains(&source) {
                self.0.push(source);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The names of common table expressions. Where each can be seen is the server's to say.
#[derive(Default)]
pub(super) struct Ctes(Vec<Ident>);

impl Ctes {
    /// Whether one of them has this name.
    pub(super) fn has(&self, name: &Ident) -> bool {
        self.0.iter().any(|cte| same(cte, name))
    }

    /// Those of a query, also inside of it.
    pub(super) fn of(query: &Query) -> Self {
        let mut ctes = Self::default();
        // The visitor never breaks; its answer says nothing.
        _ = query.visit(&mut ctes);
        ctes
    }
}

impl Visitor for Ctes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|cte| cte.alias.name.clone()));
        ControlFlow::Continue(())
    }
}

/// Whether two identifiers mean the same: without quotes, case is nothing.
pub(super) fn same(one: &Ident, other: &Ident) -> bool {
    let folded = |ident: &Ident| match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    };
    folded(one) == folded(other)
}

#[cfg(test)]
mod tests {
    use super::sources;

    #[test]
    fn every_table_is_named_once_as_it_is_written() {
        for (sql, expected) in [
            ("SELECT * FROM \"my_org/eth@1.0.0\".logs", vec!["\"my_org/eth@1.0.0\".logs"]),
            (
                "WITH big AS (SELECT * FROM eth.blocks) SELECT b.x FROM big b JOIN eth.\"Logs\" l \
                 ON b.h = l.h WHERE EXISTS (SELECT 1 FROM eth.blocks)",
                vec!["eth.blocks", "eth.\"Logs\""],
            ),
            (
                "SELECT * FROM (SELECT a FROM eth.logs UNION ALL SELECT a FROM eth.txs) AS q",
                vec!["eth.logs", "eth.txs"],
            ),
            ("SELECT", vec![]),
        ] {
            let sources: Vec<String> = sources(sql).iter().map(ToString::to_string).collect();
            assert_eq!(sources, expected, "{sql}");
        }
    }
}
