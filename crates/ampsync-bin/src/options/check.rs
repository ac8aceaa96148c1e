//! What is wrong with options only beside the rest: tables that are not there, columns that the
//! stream does not have.

use ampsync_schema::{Place, Problem, QualifiedName, Table};
use arrow_schema::{Fields, Schema};

use super::Tables;
use super::spot::Spot;
use super::table::{NamedColumn, Role, TableConfig};
use super::walk::{did_you_mean, mistake};
use crate::columns::narrowed;
use crate::settings::{Mistake, nearest};

/// Tables of the file that are none of `known`.
pub(crate) fn unknown_tables(tables: &Tables, known: &[&str]) -> Vec<Mistake> {
    let unknown = tables.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    let tell = |(name, config): (&String, &TableConfig)| {
        let problem = format!("there is no table {name:?}");
        mistake(&config.at, "tables", &problem, did_you_mean(name, known.to_vec()))
    };
    unknown.map(tell).collect()
}

/// A column that a filter or a list of columns names, and the stream does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownColumn {
    at: Spot,
    mistake: Mistake,
    /// In one line: where it is named, and what was meant.
    pub(crate) line: String,
}

/// The columns that are asked of the server and that the stream, all of it, does not have.
pub(crate) fn unknown_columns(
    table: &str,
    config: &TableConfig,
    all: &Fields,
) -> Vec<UnknownColumn> {
    let names: Vec<&str> = all.iter().map(|field| field.name().as_str()).collect();
    let tell = |at: &Spot, path: &str, column: &str| {
        let near = nearest(column, names.clone());
        let problem = format!("the table has no column {column:?}");
        let hint = near.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
        UnknownColumn {
            at: at.clone(),
            mistake: mistake(at, path, &problem, did_you_mean(column, names.clone())),
            line: format!("{}: {problem}{hint}", at.place()),
        }
    };
    let wanted = config.columns.iter().filter(|column| column.role == Role::Wanted);
    let unknown = wanted.filter(|column| !names.contains(&column.name.as_str()));
    let mut found: Vec<_> =
        unknown.map(|column| tell(&column.at, &column.path, &column.name)).collect();
    if let Some(filter) = config.selection.filter() {
        // A column may be called by its table as well.
        for (column, position) in filter.unknown(|name| name == table || names.contains(&name)) {
            let spot = config.filter.iter().find(|(at, _)| *at == position);
            let at = spot.map_or(&config.at, |(_, spot)| spot);
            found.push(tell(at, &format!("tables.{table}.where"), column));
        }
    }
    found
}

/// Columns that the options name and the table cannot have, for all that is known before the
/// server is asked. `all` is what the whole stream has, where that is known for certain.
pub(crate) fn check_columns(
    table: &str,
    target: &QualifiedName,
    config: &TableConfig,
    all: Option<&Fields>,
    block_column: &str,
) -> Vec<Mistake> {
    let mut found = Vec::new();
    let selection = &config.selection;
    for column in config.columns.iter().filter(|column| column.role != Role::Wanted) {
        if !selection.has(&column.name, block_column) {
            let problem = format!("{:?} is not among the table's `columns`", column.name);
            let remedy = "add it there, or remove it here";
            found.push((&column.at, mistake(&column.at, &column.path, &problem, remedy)));
        }
    }
    let unknown = all.map(|all| unknown_columns(table, config, all)).unwrap_or_default();
    found.extend(unknown.iter().map(|column| (&column.at, column.mistake.clone())));
    if let Some(all) = all {
        let schema = Schema::new(narrowed(all, selection, block_column));
        let table_of = Table::with_options(target.clone(), &schema, block_column, &config.table);
        let problems = table_of.err().map(|error| error.problems).unwrap_or_default();
        found.extend(problems.iter().filter_map(|problem| tell(table, config, problem)));
    }
    // In the order of the file.
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, mistake)| mistake).collect()
}

/// A problem of the table, at its place in the file; `None` when it was told already.
fn tell<'c>(
    table: &str,
    config: &'c TableConfig,
    problem: &Problem,
) -> Option<(&'c Spot, Mistake)> {
    let (place, column) = place(problem);
    let named = find(config, place, column);
    if let (Problem::UnknownColumn { column, nearest, .. }, Some(named)) = (problem, named) {
        if !config.selection.has(column, "") {
            return None;
        }
        let text = format!("the table has no column {column:?}");
        let remedy = match nearest {
            Some(near) => format!("did you mean {near}?"),
            None => "name one that the stream has".to_owned(),
        };
        return Some((&named.at, mistake(&named.at, &named.path, &text, remedy)));
    }
    let (at, path) = match named {
        Some(named) => (&named.at, named.path.clone()),
        None => (&config.at, format!("tables.{table}")),
    };
    let remedy = "correct it, or leave it out";
    Some((at, mistake(at, &path, &problem.to_string(), remedy)))
}

fn find<'c>(
    config: &'c TableConfig,
    place: Option<&Place>,
    column: Option<&str>,
) -> Option<&'c NamedColumn> {
    let role = Role::Option(place?.clone());
    let at_place = || config.columns.iter().filter(|named| named.role == role);
    at_place().find(|named| Some(named.name.as_str()) == column).or(at_place().next())
}

/// Where in the options a problem is, and with which column.
fn place(problem: &Problem) -> (Option<&Place>, Option<&str>) {
    #[expect(clippy::wildcard_enum_match_arm, reason = "problems of the stream have no place")]
    match problem {
        Problem::Choice { column, .. } | Problem::BlockChoice { column, .. } => {
            (Some(&Place::Columns), Some(column.as_str()))
        }
        Problem::UnknownColumn { place, column, .. }
        | Problem::RepeatedColumn { place, column } => (Some(place), Some(column)),
        Problem::NotIndexable { place, column, .. } => (Some(place), Some(column.as_str())),
        Problem::NoColumns(place)
        | Problem::SeveralHashed(place)
        | Problem::TooManyKeyColumns { place, .. }
        | Problem::NotUnique { place, .. }
        | Problem::SameIndex { place, .. } => (Some(place), None),
        _ => (None, None),
    }
}
