//! The options file, `AMPSYNC_CONFIG`: what is asked of single tables. Read by hand rather than
//! by `serde`, so that all mistakes are told at once, each with its place and what was meant.

mod check;
mod clash;
mod keys;
mod spot;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

pub(crate) use check::{UnknownColumn, check_columns, unknown_columns, unknown_tables};
pub(crate) use clash::{Target, clashes};
#[cfg(test)]
pub(crate) use keys::{Key, OF_INDEX, OF_TABLE};
pub(crate) use table::TableConfig;

use crate::settings::Mistake;
use spot::Source;
use walk::{Node, Walk};

/// What the file says of each table, by the name of its stream.
pub(crate) type Tables = BTreeMap<String, TableConfig>;

/// Reads the text of the file at `path`. What is wrong is left out, and told besides: the rest can
/// still be checked against the tables.
pub(crate) fn read(path: &Path, text: &str) -> (Tables, Vec<Mistake>) {
    // Editors of some systems put a byte order mark in front, which is no part of the document.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut walk = Walk::new(Source { path, text });
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let problem = format!("the file is not TOML: {}", error.message().replace('\n', ", "));
        walk.refuse("", offset, &problem, "correct the syntax there, or just before");
    }
    if !errors.is_empty() {
        return (Tables::new(), walk.into_mistakes());
    }
    let span = document.span();
    let value = DeValue::Table(document.into_inner());
    let tables = tables(&mut walk, &Node { path: String::new(), span, value: &value });
    (tables, walk.into_mistakes())
}

fn tables(walk: &mut Walk<'_>, document: &Node<'_, '_>) -> Tables {
    let mut tables = Tables::new();
    for (_, all) in walk.entries(document, &["tables"]) {
        for (name, at, node) in walk.named_entries(&all, "a table of options by table") {
            tables.insert(name.to_owned(), table::read(walk, at, &node));
        }
    }
    tables
}
