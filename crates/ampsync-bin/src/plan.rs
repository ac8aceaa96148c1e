//! From the settings to the tables that the engine keeps in step.

use crate::settings::DatasetSettings;

/// The column of a stream that has each row's block number.
pub(crate) const BLOCK_COLUMN: &str = "_block_num";

/// One table: what the engine has to know of it that is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedTable {
    pub(crate) table: String,
    pub(crate) dataset: String,
    pub(crate) query: String,
}

/// The tables, in the order in which they were named.
pub(crate) fn tables(settings: &DatasetSettings) -> Vec<PlannedTable> {
    let planned = |table: &ampsync_manifest::TableName| PlannedTable {
        table: table.to_string(),
        dataset: settings.dataset.to_string(),
        query: settings.dataset.select_all(table),
    };
    settings.tables.iter().map(planned).collect()
}
