//! From the settings, and what the server says of the dataset, to the tables that the engine
//! keeps in step.

use ampsync_manifest::query::{self, StreamQuery};
use ampsync_manifest::{DatasetRef, Revision, TableName};
use arrow_schema::Fields;
use nozzle_client::admin::{ExactRevision, ResolvedDataset};

use crate::settings::{DatasetSettings, Mistake, Streams, nearest};

/// The column of a built table that has each row's block number.
const BLOCK_COLUMN: &str = "_block_num";

/// One table: what the engine has to know of it that is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedTable {
    pub(crate) table: String,
    /// What a checkpoint remembers: other rows are refused.
    pub(crate) identity: Identity,
    /// What the same rows were called without the Admin API, if they are called otherwise now.
    pub(crate) unpinned: Option<Identity>,
    /// The query as it is sent.
    pub(crate) sql: String,
    pub(crate) block_column: String,
    /// The columns that the manifest declares.
    pub(crate) declared: Option<Fields>,
}

/// Of what the rows of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) dataset: String,
    pub(crate) query: String,
}

/// The tables, in the order in which they were named, of the dataset that the Admin API has
/// resolved, if it was asked.
///
/// # Errors
/// When the dataset has no such table.
pub(crate) fn tables(
    settings: &DatasetSettings,
    resolved: Option<&ResolvedDataset>,
) -> Result<Vec<PlannedTable>, Mistake> {
    let dataset = &settings.dataset;
    let pinned = resolved.map(|resolved| pin(dataset, resolved)).transpose()?;
    let names = match (&settings.streams, resolved) {
        (Streams::Queries(queries), _) => {
            let planned = queries.iter().map(|(table, query)| of_query(settings, table, query));
            return Ok(planned.collect());
        }
        (Streams::Tables(names), resolved) => {
            known(dataset, names, resolved)?;
            names.clone()
        }
        (Streams::AllTables, Some(resolved)) => discovered(dataset, resolved)?,
        (Streams::AllTables, None) => Vec::new(),
    };
    let planned = names.iter().map(|table| of_table(settings, table, pinned.as_ref()));
    Ok(planned.collect())
}

/// What is streamed: the dataset by a name that stays what it is, as this server writes it.
struct Pinned {
    dataset: DatasetRef,
    namespaces: bool,
}

fn pin(dataset: &DatasetRef, resolved: &ResolvedDataset) -> Result<Pinned, Mistake> {
    let (text, namespaces) = match &resolved.revision {
        ExactRevision::Hash(hash) => (hash, true),
        ExactRevision::Version(version) => (version, false),
    };
    let revision: Revision = text.parse().map_err(|error| Mistake {
        subject: "NOZZLE_ADMIN_ENDPOINT".to_owned(),
        problem: format!("what the Admin API calls the revision of {dataset}: {error}"),
        remedy: "leave it out, and name a revision in DATASET".to_owned(),
    })?;
    Ok(Pinned { dataset: dataset.at(revision), namespaces })
}

/// A built table is identified by its dataset, pinned where it can be, as if the hash had been
/// given as the revision: so tags that name the same may be exchanged.
fn of_table(
    settings: &DatasetSettings,
    table: &TableName,
    pinned: Option<&Pinned>,
) -> PlannedTable {
    let identity = |dataset: &DatasetRef| Identity {
        dataset: dataset.to_string(),
        query: dataset.select_all(table),
    };
    let given = identity(&settings.dataset);
    let exact = pinned.map_or_else(|| given.clone(), |pinned| identity(&pinned.dataset));
    let sql = match pinned.filter(|pinned| !pinned.namespaces) {
        Some(Pinned { dataset, .. }) => query::select_all_by_version(dataset, table),
        None => exact.query.clone(),
    };
    PlannedTable {
        table: table.to_string(),
        unpinned: Some(given).filter(|given| *given != exact),
        identity: exact,
        sql,
        block_column: BLOCK_COLUMN.to_owned(),
        declared: settings.declared.get(table).cloned(),
    }
}

/// A query is its own identity: under whichever version of the config it is streamed.
fn of_query(settings: &DatasetSettings, table: &TableName, query: &StreamQuery) -> PlannedTable {
    let dataset = &settings.dataset;
    let dataset = DatasetRef::new(dataset.namespace().cloned(), dataset.name().clone(), None);
    PlannedTable {
        table: table.to_string(),
        identity: Identity { dataset: dataset.to_string(), query: query.sql.clone() },
        unpinned: None,
        sql: query.sql.clone(),
        block_column: query.block_column.clone(),
        declared: settings.declared.get(table).cloned(),
    }
}

/// Refuses tables that the dataset does not have.
fn known(
    dataset: &DatasetRef,
    names: &[TableName],
    resolved: Option<&ResolvedDataset>,
) -> Result<(), Mistake> {
    // A server that lists none has not said that there are none.
    let Some(ResolvedDataset { tables, .. }) = resolved.filter(|r| !r.tables.is_empty()) else {
        return Ok(());
    };
    let is_unknown = |name: &&TableName| !tables.iter().any(|table| table == name.as_str());
    let Some(name) = names.iter().find(is_unknown) else { return Ok(()) };
    let all = tables.iter().map(String::as_str).collect::<Vec<_>>();
    Err(Mistake {
        subject: "TABLES".to_owned(),
        problem: format!("the dataset {dataset} has no table \"{name}\" on the server"),
        remedy: match nearest(name.as_str(), all.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("it has: {}", all.join(", ")),
        },
    })
}

fn discovered(dataset: &DatasetRef, resolved: &ResolvedDataset) -> Result<Vec<TableName>, Mistake> {
    let mistake = |problem: String| Mistake {
        subject: "TABLES".to_owned(),
        problem,
        remedy: "example: TABLES=blocks,logs".to_owned(),
    };
    if resolved.tables.is_empty() {
        let problem = format!("not set, and the server lists no tables of the dataset {dataset}");
        return Err(mistake(problem));
    }
    let names = resolved.tables.iter().map(|name| name.parse());
    names
        .collect::<Result<Vec<TableName>, _>>()
        .map_err(|error| mistake(format!("a table of the dataset {dataset}: {error}")))
}
