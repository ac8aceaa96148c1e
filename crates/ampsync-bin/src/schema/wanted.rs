//! The tables as they should be: by the manifest alone where it says everything, otherwise by
//! what the server streams.

use std::fmt;

use ampsync_manifest::TableName;
use ampsync_schema::Table;
use arrow_schema::{Fields, Schema};
use nozzle_client::SqlClient;

use crate::columns::narrowed;
use crate::failure::Failure;
use crate::options::check_columns;
use crate::plan::{self, PlannedTable};
use crate::settings::{Mistakes, SchemaSettings, Streams};
use crate::{adapters, admin};

/// A table as it should be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// What the dataset calls it.
    pub(super) stream: String,
    pub(super) table: Table,
    pub(super) source: ColumnSource,
}

/// Who has said what columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnSource {
    Manifest,
    Server,
}

impl fmt::Display for ColumnSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifest => "as the manifest declares them",
            Self::Server => "as the server streams them",
        })
    }
}

/// The tables, in the order in which they were named.
pub(super) async fn tables(
    settings: &SchemaSettings,
    ask_server: bool,
) -> Result<Vec<Wanted>, Failure> {
    if let Some(declared) = declared(settings).filter(|_| !ask_server) {
        let planned = plan::tables(&settings.dataset, &settings.tables, None)?;
        let tables = planned.iter().zip(declared);
        return tables.map(|(planned, all)| table(planned, &all, None)).collect();
    }
    let client = adapters::sql_client(&settings.server)?;
    let mut wanted = Vec::new();
    for planned in plan(settings).await? {
        wanted.push(ask(&client, &planned).await?);
    }
    Ok(wanted)
}

/// The columns of every table's whole stream, if the manifest declares them all.
fn declared(settings: &SchemaSettings) -> Option<Vec<Fields>> {
    let dataset = &settings.dataset;
    if matches!(dataset.streams, Streams::AllTables) {
        return None;
    }
    let columns = |(table, block): (&TableName, &str)| dataset.columns(table, block);
    dataset.tables_by_block().into_iter().map(columns).collect()
}

async fn plan(settings: &SchemaSettings) -> Result<Vec<PlannedTable>, Failure> {
    let dataset = &settings.dataset;
    let admin = adapters::admin_client(&settings.server)?;
    let resolved = match admin.filter(|_| dataset.is_asked_for()) {
        Some(admin) => {
            let doing = format!("the dataset {} cannot be resolved", dataset.dataset);
            let answer = admin::ask(&admin, &dataset.dataset).await;
            Some(answer.map_err(Failure::of(doing))?)
        }
        None => None,
    };
    Ok(plan::tables(dataset, &settings.tables, resolved.as_ref())?)
}

async fn ask(client: &SqlClient, planned: &PlannedTable) -> Result<Wanted, Failure> {
    let doing = || format!("the server does not say what columns {} has", planned.table);
    let all = client.schema(&planned.all).await.map_err(Failure::of(doing()))?;
    // The server would say of a column that it does not know no more than its name.
    check(planned, all.fields())?;
    let schema = client.schema(&planned.sql).await.map_err(Failure::of(doing()))?;
    table(planned, all.fields(), Some(&schema))
}

/// What the options ask for and the stream does not have.
fn check(planned: &PlannedTable, all: &Fields) -> Result<(), Failure> {
    let PlannedTable { table, target, config, block_column, .. } = planned;
    let Some(config) = config else { return Ok(()) };
    let mistakes = check_columns(table, target, config, Some(all), block_column);
    Ok(Mistakes(mistakes).none()?)
}

/// The table for what is wanted of a stream with these columns, or for what is `streamed`.
fn table(
    planned: &PlannedTable,
    all: &Fields,
    streamed: Option<&Schema>,
) -> Result<Wanted, Failure> {
    check(planned, all)?;
    let PlannedTable { table: stream, target, config, block_column, options, .. } = planned;
    let selection = config.as_ref().map(|config| config.selection.clone()).unwrap_or_default();
    let (schema, source) = match streamed {
        Some(schema) => (schema.clone(), ColumnSource::Server),
        None => (Schema::new(narrowed(all, &selection, block_column)), ColumnSource::Manifest),
    };
    let table = Table::with_options(target.clone(), &schema, block_column, &options.table);
    let table = table.map_err(|error| Failure::Failed {
        doing: format!("there is no table for {stream}"),
        error: error.to_string(),
        remedy: Some("leave the columns out, or cast them in the query".to_owned()),
    })?;
    Ok(Wanted { stream: stream.clone(), table, source })
}
