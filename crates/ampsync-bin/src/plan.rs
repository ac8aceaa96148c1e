//! From the settings, and what the server says of the dataset, to the tables that the engine
//! keeps in step.

use ampsync_manifest::query::{Selection, StreamQuery};
use ampsync_manifest::{DatasetRef, Revision, TableName};
use ampsync_schema::QualifiedName;
use arrow_schema::Fields;
use nozzle_client::admin::{ExactRevision, ResolvedDataset};
use sink_postgres::SinkOptions;

use crate::columns::BLOCK_COLUMN;
use crate::options::TableConfig;
use crate::settings::{DatasetSettings, Mistake, Mistakes, Streams, TablesSettings, nearest};

/// One table, from its stream to where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedTable {
    /// What the dataset calls it.
    pub(crate) table: String,
    /// What a checkpoint remembers: other rows are refused.
    pub(crate) identity: Identity,
    /// What the same rows were called without the Admin API, if they are called otherwise now.
    pub(crate) unpinned: Option<Identity>,
    /// The query as it is sent.
    pub(crate) sql: String,
    pub(crate) block_column: String,
    /// The columns that the manifest declares, of those that are wanted.
    pub(crate) declared: Option<Fields>,
    /// The query for everything, whose columns can be chosen from.
    pub(crate) all: String,
    /// What the options file says of it.
    pub(crate) config: Option<TableConfig>,
    /// What it is called in the database.
    pub(crate) target: QualifiedName,
    /// What its sink is asked for.
    pub(crate) options: SinkOptions,
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
/// When the dataset has no such table, or the tables cannot be beside each other.
pub(crate) fn tables(
    dataset: &DatasetSettings,
    tables: &TablesSettings,
    resolved: Option<&ResolvedDataset>,
) -> Result<Vec<PlannedTable>, Mistakes> {
    let plan = Plan { dataset, tables };
    let names = match (&dataset.streams, resolved) {
        (Streams::Queries(queries), _) => {
            return queries.iter().map(|(table, query)| plan.of_query(table, query)).collect();
        }
        (Streams::Tables(names), resolved) => {
            plan.known(names, resolved)?;
            names.clone()
        }
        (Streams::AllTables, Some(resolved)) => {
            let names = discovered(&dataset.dataset, resolved)?;
            // The settings knew nothing of them yet.
            let by_block: Vec<_> = names.iter().map(|name| (name, BLOCK_COLUMN)).collect();
            Mistakes(tables.check(&by_block, |_, _| None)).none()?;
            names
        }
        (Streams::AllTables, None) => Vec::new(),
    };
    if let (None, Some(resolved)) = (&dataset.known, resolved.filter(|r| !r.tables.is_empty())) {
        let known: Vec<&str> = resolved.tables.iter().map(String::as_str).collect();
        Mistakes(tables.unknown(&known)).none()?;
    }
    let pinned = resolved.map(|resolved| pin(&dataset.dataset, resolved)).transpose()?;
    names.iter().map(|table| plan.of_table(table, pinned.as_ref())).collect()
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

/// What is asked of the server for a table.
struct Asked {
    identity: Identity,
    unpinned: Option<Identity>,
    /// The query for what is wanted.
    sql: String,
    /// The query for everything.
    all: String,
    block_column: String,
}

struct Plan<'a> {
    dataset: &'a DatasetSettings,
    tables: &'a TablesSettings,
}

impl Plan<'_> {
    /// A built table is identified by its dataset, pinned where it can be, as if the hash had been
    /// given as the revision: so tags that name the same may be exchanged.
    fn of_table(
        &self,
        table: &TableName,
        pinned: Option<&Pinned>,
    ) -> Result<PlannedTable, Mistakes> {
        let selection = self.tables.selection(table);
        let query = |dataset: &DatasetRef, selection: &Selection| match pinned {
            Some(pinned) if !pinned.namespaces && *dataset == pinned.dataset => {
                selection.of_table_by_version(dataset, table, BLOCK_COLUMN)
            }
            Some(_) | None => selection.of_table(dataset, table, BLOCK_COLUMN),
        };
        let identity = |dataset: &DatasetRef| Identity {
            dataset: dataset.to_string(),
            query: selection.in_any_order().of_table(dataset, table, BLOCK_COLUMN),
        };
        let given = identity(&self.dataset.dataset);
        let dataset = pinned.map_or(&self.dataset.dataset, |pinned| &pinned.dataset);
        let exact = identity(dataset);
        let asked = Asked {
            unpinned: Some(given).filter(|given| *given != exact),
            identity: exact,
            sql: query(dataset, &selection),
            all: query(dataset, &Selection::default()),
            block_column: BLOCK_COLUMN.to_owned(),
        };
        self.planned(table, asked)
    }

    /// A query is its own identity: under whichever version of the config it is streamed.
    fn of_query(&self, table: &TableName, query: &StreamQuery) -> Result<PlannedTable, Mistakes> {
        let selection = self.tables.selection(table);
        let dataset = &self.dataset.dataset;
        let dataset = DatasetRef::new(dataset.namespace().cloned(), dataset.name().clone(), None);
        let asked = Asked {
            identity: Identity {
                dataset: dataset.to_string(),
                query: selection.in_any_order().of_query(query).sql,
            },
            unpinned: None,
            sql: selection.of_query(query).sql,
            all: query.sql.clone(),
            block_column: query.block_column.clone(),
        };
        self.planned(table, asked)
    }

    /// From what is asked of the server to where it goes.
    fn planned(&self, table: &TableName, asked: Asked) -> Result<PlannedTable, Mistakes> {
        let Asked { identity, unpinned, sql, all, block_column } = asked;
        let target = self.tables.target(table).map_err(|error| Mistake {
            subject: "TABLES".to_owned(),
            problem: error.to_string(),
            remedy: "give the table another `name` in AMPSYNC_CONFIG".to_owned(),
        })?;
        let selection = self.tables.selection(table);
        let wanted = |declared: &Fields| {
            let fields = declared.iter();
            fields.filter(|field| selection.has(field.name(), &block_column)).cloned().collect()
        };
        Ok(PlannedTable {
            table: table.to_string(),
            identity,
            unpinned,
            sql,
            declared: self.dataset.declared.get(table).map(wanted),
            all,
            config: self.tables.config(table).cloned(),
            target,
            options: self.tables.sink_options(table),
            block_column,
        })
    }

    /// Refuses tables that the dataset does not have.
    fn known(
        &self,
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
        let dataset = &self.dataset.dataset;
        Err(Mistake {
            subject: "TABLES".to_owned(),
            problem: format!("the dataset {dataset} has no table \"{name}\" on the server"),
            remedy: match nearest(name.as_str(), all.clone()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it has: {}", all.join(", ")),
            },
        })
    }
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
