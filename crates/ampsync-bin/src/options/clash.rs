//! Tables that cannot be beside each other.

use ampsync_schema::{QualifiedName, Relation, TableOptions};

use super::table::TableConfig;
use super::walk::mistake;
use crate::settings::Mistake;

/// A table that is to be created, or is there already.
pub(crate) struct Target<'a> {
    /// What the dataset calls it.
    pub(crate) stream: &'a str,
    pub(crate) name: QualifiedName,
    pub(crate) options: TableOptions,
    pub(crate) config: Option<&'a TableConfig>,
}

/// Tables that cannot be beside each other, because something of theirs has the same name.
pub(crate) fn clashes(tables: &[Target<'_>], block_column: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut distinct: Vec<&Target<'_>> = Vec::new();
    for table in tables {
        match distinct.iter().find(|other| other.name == table.name) {
            Some(other) => {
                let (first, second) = (other.stream, table.stream);
                let problem = format!("{first} and {second} are both called {}", table.name);
                mistakes.push(told(&[table, *other], &problem));
            }
            None => distinct.push(table),
        }
    }
    let named = distinct.iter().map(|table| (&table.name, &table.options));
    for clash in ampsync_schema::clashes(named, block_column) {
        let whose = |relation: &Relation| {
            let name = match relation {
                Relation::Table => &clash.name,
                Relation::IndexOf(table) => table,
            };
            distinct.iter().copied().find(|table| table.name == *name)
        };
        let whose: Vec<_> = [&clash.second, &clash.first].into_iter().filter_map(whose).collect();
        mistakes.push(told(&whose, &clash.to_string()));
    }
    mistakes
}

/// What is wrong with tables beside each other, at the first of them that is in the file.
fn told(tables: &[&Target<'_>], problem: &str) -> Mistake {
    let remedy = "give one of the two another `name` or `schema` in AMPSYNC_CONFIG";
    match tables.iter().find_map(|table| Some((table.stream, table.config?))) {
        Some((stream, config)) => mistake(&config.at, &format!("tables.{stream}"), problem, remedy),
        None => Mistake {
            subject: "TABLES".to_owned(),
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        },
    }
}
