//! What is synced: a manifest, a dataset reference, or both.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use ampsync_manifest::query::{Names, StreamQuery, streamable};
use ampsync_manifest::{DatasetRef, Diagnostics, Host, Kind, Manifest, Table, TableName, load};
use arrow_schema::Fields;

use super::given::Reader;
use super::{nearest, table};
use crate::columns::{BLOCK_COLUMN, streamed};

/// What is synced of which dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatasetSettings {
    pub(crate) dataset: DatasetRef,
    pub(crate) streams: Streams,
    /// The columns that the manifest declares, by table.
    pub(crate) declared: BTreeMap<TableName, Fields>,
    /// Whether the server builds the tables as they are declared. Raw tables have the columns that
    /// the server's own code says.
    pub(crate) is_derived: bool,
    /// All tables of the dataset, unless the server is still to be asked for them.
    pub(crate) known: Option<Vec<TableName>>,
}

/// The tables to sync; at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Tables as the server has built them.
    Tables(Vec<TableName>),
    /// All the tables that the server has built, which the Admin API lists.
    AllTables,
    /// The manifest's own queries, by table.
    Queries(Vec<(TableName, StreamQuery)>),
}

/// What is streamed of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryMode {
    /// The table as the server has built it.
    Table,
    /// The manifest's own query.
    Sql,
}

impl DatasetSettings {
    /// Whether the Admin API, where there is one, is asked which manifest the dataset is. A manifest's
    /// own queries say themselves what they read.
    pub(crate) fn is_asked_for(&self) -> bool {
        !matches!(self.streams, Streams::Queries(_))
    }

    /// The names of the tables, unless the server is still to be asked for them.
    pub(crate) fn tables(&self) -> Vec<&TableName> {
        self.tables_by_block().into_iter().map(|(name, _)| name).collect()
    }

    /// The tables and the columns with their block numbers.
    pub(crate) fn tables_by_block(&self) -> Vec<(&TableName, &str)> {
        match &self.streams {
            Streams::Tables(names) => names.iter().map(|name| (name, BLOCK_COLUMN)).collect(),
            Streams::AllTables => Vec::new(),
            Streams::Queries(queries) => {
                queries.iter().map(|(name, query)| (name, query.block_column.as_str())).collect()
            }
        }
    }

    /// The columns of a table's whole stream, where the manifest declares them.
    pub(crate) fn columns(&self, table: &TableName, block_column: &str) -> Option<Fields> {
        self.declared.get(table).map(|declared| streamed(declared, block_column))
    }
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Option<DatasetSettings> {
    let given = |reader: &Reader<'_>| {
        let manifest = reader.is_given(table::DATASET_MANIFEST.spec);
        (manifest, reader.is_given(table::DATASET.spec), reader.is_given(table::TABLES.spec))
    };
    let has_admin = reader.is_given(table::NOZZLE_ADMIN_ENDPOINT.spec);
    match given(reader) {
        (false, false, _) => {
            let spec = table::DATASET_MANIFEST.spec;
            reader.missing(spec, "not set: expected the config or built manifest of the dataset, or DATASET and TABLES instead");
        }
        (false, true, false) if !has_admin => {
            let spec = table::TABLES.spec;
            reader.missing(spec, "not set: expected the tables to sync, since there is neither a manifest nor an Admin API to list them");
        }
        (true, _, _) | (false, true, _) => {}
    }
    // The log is not there yet, and what a config prints is for whoever starts it.
    let console = |_, line: &str| eprintln!("config: {line}");
    let manifest = reader.get(&table::DATASET_MANIFEST).map(|path| {
        let host = Host::new(&read_file)
            .with_environment(reader.public_environment())
            .with_console(&console);
        load(&path, &host)
    });
    let dataset = reader.get(&table::DATASET);
    let tables = reader.get(&table::TABLES);
    let mode = reader.get(&table::QUERY_MODE);
    let manifest = match manifest {
        Some(Ok(manifest)) => manifest,
        Some(Err(problems)) => {
            report(reader, &problems);
            return None;
        }
        None => return without_manifest(reader, mode?, dataset, tables),
    };
    let tables = match (tables, reader.is_given(table::TABLES.spec)) {
        (Some(tables), _) => Some(tables).filter(|tables| known(reader, &manifest, tables)),
        (None, true) => None,
        (None, false) => Some(all(&manifest)),
    };
    let dataset = match (dataset, reader.is_given(table::DATASET.spec)) {
        (Some(dataset), _) => Some(dataset),
        (None, true) => None,
        (None, false) => named(reader, &manifest),
    };
    let (dataset, tables) = (dataset?, tables?);
    let streams = match mode? {
        QueryMode::Table => Streams::Tables(tables),
        QueryMode::Sql => Streams::Queries(queries(reader, &manifest, &dataset, &tables)?),
    };
    Some(DatasetSettings {
        dataset,
        streams,
        declared: declared(&manifest),
        is_derived: *manifest.kind() == Kind::Derived,
        known: Some(all(&manifest)),
    })
}

/// The other settings say everything.
fn without_manifest(
    reader: &mut Reader<'_>,
    mode: QueryMode,
    dataset: Option<DatasetRef>,
    tables: Option<Vec<TableName>>,
) -> Option<DatasetSettings> {
    let manifest = table::DATASET_MANIFEST.spec;
    let dataset = dataset?;
    if mode == QueryMode::Sql && !reader.is_given(manifest) {
        reader.missing(manifest, "not set: QUERY_MODE=sql streams the queries that it has");
    }
    let streams = match tables {
        Some(tables) => Streams::Tables(tables),
        // They are a mistake.
        None if reader.is_given(table::TABLES.spec) => return None,
        None => Streams::AllTables,
    };
    let known = match &streams {
        Streams::Tables(tables) if !reader.is_given(table::NOZZLE_ADMIN_ENDPOINT.spec) => {
            Some(tables.clone())
        }
        Streams::Tables(_) | Streams::AllTables | Streams::Queries(_) => None,
    };
    let declared = BTreeMap::new();
    Some(DatasetSettings { dataset, streams, declared, is_derived: false, known })
}

/// The queries of the tables, made streamable.
fn queries(
    reader: &mut Reader<'_>,
    manifest: &Manifest,
    dataset: &DatasetRef,
    tables: &[TableName],
) -> Option<Vec<(TableName, StreamQuery)>> {
    let names = Names {
        own: Some(dataset),
        dependencies: manifest.dependencies(),
        functions: manifest.functions(),
    };
    let file = manifest.file().display();
    let mut queries = Vec::new();
    for name in tables {
        let table = manifest.tables().iter().find(|table| table.name() == name);
        let Some(sql) = table.and_then(|table| table.sql()) else {
            let problem = format!("{file}: tables.{name}: the table has no query");
            let remedy = "set QUERY_MODE=table: the server builds it from the chain itself";
            reader.mistake(table::QUERY_MODE.spec.name, problem, remedy);
            continue;
        };
        match streamable(name, sql, &names) {
            Ok(query) => queries.push((name.clone(), query)),
            Err(problems) => {
                for problem in problems.iter() {
                    let place = problem.position();
                    let place = place.map(|at| format!(" {}:{}", at.line, at.column));
                    let text = format!(
                        "{file}: tables.{name}: the query{}: {}",
                        place.unwrap_or_default(),
                        problem.problem()
                    );
                    reader.mistake(table::DATASET_MANIFEST.spec.name, text, problem.remedy());
                }
            }
        }
    }
    Some(queries).filter(|queries| queries.len() == tables.len())
}

fn declared(manifest: &Manifest) -> BTreeMap<TableName, Fields> {
    let columns = |table: &Table| Some((table.name().clone(), table.columns()?.clone()));
    manifest.tables().iter().filter_map(columns).collect()
}

fn report(reader: &mut Reader<'_>, problems: &Diagnostics) {
    for problem in problems.iter() {
        let mut place = problem.file().display().to_string();
        if let Some(position) = problem.position() {
            place = format!("{place}:{}:{}", position.line, position.column);
        }
        if !problem.path().is_empty() {
            place = format!("{place}: {}", problem.path());
        }
        let mut problem_text = format!("{place}: {}", problem.problem());
        for line in problem.frame().iter().flat_map(|frame| frame.lines()) {
            problem_text = format!("{problem_text}\n    {line}");
        }
        reader.mistake(table::DATASET_MANIFEST.spec.name, problem_text, problem.remedy());
    }
}

/// Whether the manifest has all of `tables`.
fn known(reader: &mut Reader<'_>, manifest: &Manifest, tables: &[TableName]) -> bool {
    let all = || manifest.tables().iter().map(|table| table.name().as_str());
    let mut known = true;
    for name in tables.iter().map(TableName::as_str) {
        if all().any(|table| table == name) {
            continue;
        }
        known = false;
        let remedy = match nearest(name, all().collect()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("it has: {}", all().collect::<Vec<_>>().join(", ")),
        };
        let problem = format!("the manifest {} has no table {name:?}", manifest.file().display());
        reader.mistake(table::TABLES.spec.name, problem, remedy);
    }
    known
}

fn all(manifest: &Manifest) -> Vec<TableName> {
    manifest.tables().iter().map(|table| table.name().clone()).collect()
}

fn named(reader: &mut Reader<'_>, manifest: &Manifest) -> Option<DatasetRef> {
    let dataset = manifest.dataset();
    if dataset.is_none() {
        let problem = "not set: expected the dataset's name, since the manifest has none";
        reader.missing(table::DATASET.spec, problem);
    }
    dataset
}
