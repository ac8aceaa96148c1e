//! What is synced: a manifest, a dataset reference, or both.

use std::io;
use std::path::Path;

use ampsync_manifest::{DatasetRef, Diagnostics, Manifest, TableName, load};

use super::given::Reader;
use super::{nearest, table};

/// The dataset and the tables of it to sync; at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatasetSettings {
    pub(crate) dataset: DatasetRef,
    pub(crate) tables: Vec<TableName>,
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Option<DatasetSettings> {
    let given = |reader: &Reader<'_>| {
        let manifest = reader.is_given(table::DATASET_MANIFEST.spec);
        (manifest, reader.is_given(table::DATASET.spec), reader.is_given(table::TABLES.spec))
    };
    match given(reader) {
        (false, false, _) => {
            let spec = table::DATASET_MANIFEST.spec;
            reader.missing(spec, "not set: expected the config or built manifest of the dataset, or DATASET and TABLES instead");
        }
        (false, true, false) => {
            let spec = table::TABLES.spec;
            reader.missing(
                spec,
                "not set: expected the tables to sync, since there is no manifest to list them",
            );
        }
        (true, _, _) | (false, true, true) => {}
    }
    let manifest = reader.get(&table::DATASET_MANIFEST).map(|path| load(&path, &read_file));
    let dataset = reader.get(&table::DATASET);
    let tables = reader.get(&table::TABLES);
    let manifest = match manifest {
        Some(Ok(manifest)) => manifest,
        Some(Err(problems)) => {
            report(reader, &problems);
            return None;
        }
        // Without one, the other two say everything.
        None => return Some(DatasetSettings { dataset: dataset?, tables: tables? }),
    };
    let tables = match (tables, reader.is_given(table::TABLES.spec)) {
        (Some(tables), _) => Some(tables).filter(|tables| known(reader, &manifest, tables)),
        (None, true) => None,
        (None, false) => all(reader, &manifest),
    };
    let dataset = match (dataset, reader.is_given(table::DATASET.spec)) {
        (Some(dataset), _) => Some(dataset),
        (None, true) => None,
        (None, false) => named(reader, &manifest),
    };
    Some(DatasetSettings { dataset: dataset?, tables: tables? })
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
        let problem_text = format!("{place}: {}", problem.problem());
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

fn all(reader: &mut Reader<'_>, manifest: &Manifest) -> Option<Vec<TableName>> {
    let tables: Vec<_> = manifest.tables().iter().map(|table| table.name().clone()).collect();
    if tables.is_empty() {
        let problem = format!("{}: the dataset has no tables", manifest.file().display());
        let remedy = "add a table to it; there is nothing to sync without one";
        reader.mistake(table::DATASET_MANIFEST.spec.name, problem, remedy);
        return None;
    }
    Some(tables)
}

fn named(reader: &mut Reader<'_>, manifest: &Manifest) -> Option<DatasetRef> {
    let dataset = manifest.dataset();
    if dataset.is_none() {
        let problem = "not set: expected the dataset's name, since the manifest has none";
        reader.missing(table::DATASET.spec, problem);
    }
    dataset
}
