//! Tables as people name them on a command line.

use ampsync_schema::{Ident, QualifiedName};
use sink_postgres::{Database, TableStatus};

use crate::failure::Failure;
use crate::settings::{Mistake, Mistakes, nearest};

/// All tables that ampsync has in the database, and those of them that were meant by `names`: see
/// [`tables`].
pub(crate) async fn stored(
    database: &Database,
    schema: &Ident,
    names: &[String],
) -> Result<(Vec<TableStatus>, Vec<QualifiedName>), Failure> {
    let status = database.status().await;
    let status = status.map_err(Failure::or_refusal("the tables cannot be looked at"))?;
    let all = status.map(|status| status.tables).unwrap_or_default();
    let known: Vec<_> = all.iter().map(|status| status.table.clone()).collect();
    let meant = tables(names, schema, &known)?;
    Ok((all, meant))
}

/// The tables of `known` that were meant, each once, in the order in which they were named: `logs` in
/// `schema`, `defi.logs` in another, or as SQL writes it.
///
/// # Errors
/// Every name that is none of them, with the one that was probably meant.
pub(crate) fn tables(
    names: &[String],
    schema: &Ident,
    known: &[QualifiedName],
) -> Result<Vec<QualifiedName>, Mistakes> {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for name in names {
        let is_meant = |table: &&QualifiedName| {
            (table.schema == *schema && table.name.as_str() == name)
                || plain(table) == *name
                || table.to_string() == *name
        };
        match known.iter().find(is_meant) {
            Some(table) if found.contains(table) => {}
            Some(table) => found.push(table.clone()),
            None => mistakes.push(unknown(name, schema, known)),
        }
    }
    Mistakes(mistakes).none().map(|()| found)
}

/// `schema.table`, as it is written on a command line.
pub(crate) fn plain(table: &QualifiedName) -> String {
    format!("{}.{}", table.schema.as_str(), table.name.as_str())
}

fn unknown(name: &str, schema: &Ident, known: &[QualifiedName]) -> Mistake {
    let full: Vec<String> = known.iter().map(plain).collect();
    let elsewhere = known.iter().find(|table| table.name.as_str() == name).map(plain);
    let here = known.iter().filter(|table| table.schema == *schema);
    let near = nearest(name, here.map(|table| table.name.as_str()).collect());
    let near = near.or_else(|| nearest(name, full.iter().map(String::as_str).collect()));
    let remedy = match elsewhere.or(near.map(str::to_owned)) {
        Some(near) => format!("did you mean {near}?"),
        None if full.is_empty() => "ampsync writes no table into this database".to_owned(),
        None => format!("it writes: {}", full.join(", ")),
    };
    let problem = if name.contains('.') {
        format!("ampsync writes no table {name:?}")
    } else {
        format!("ampsync writes no table {name:?} in schema {:?}", schema.as_str())
    };
    Mistake { subject: "TABLE".to_owned(), problem, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(schema: &str, name: &str) -> QualifiedName {
        QualifiedName { schema: Ident::new(schema).unwrap(), name: Ident::new(name).unwrap() }
    }

    fn told(names: &[&str]) -> Result<Vec<String>, String> {
        let known = [table("public", "logs"), table("defi", "swaps"), table("public", "a.b")];
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = tables(&names, &Ident::new("public").unwrap(), &known);
        let found = found.map(|tables| tables.iter().map(plain).collect());
        found.map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_table_is_found_by_each_of_its_names_and_once() {
        for name in ["logs", "public.logs", "\"public\".\"logs\""] {
            assert_eq!(told(&[name, "logs"]).unwrap(), ["public.logs"], "{name}");
        }
        assert_eq!(told(&["defi.swaps", "a.b"]).unwrap(), ["defi.swaps", "public.a.b"]);
    }

    #[test]
    fn a_name_that_is_none_is_told_with_what_was_meant() {
        for (name, meant) in [
            ("log", "did you mean logs?"),
            ("swaps", "did you mean defi.swaps?"),
            ("defi.swap", "did you mean defi.swaps?"),
            ("blocks", "it writes: public.logs, defi.swaps, public.a.b"),
        ] {
            let text = told(&[name]).unwrap_err();
            assert!(text.contains(meant), "{text}");
        }
    }
}
