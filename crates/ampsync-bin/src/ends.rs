//! The two ends of a table, as it was planned: from where its rows come, and where they go.

use nozzle_client::{SqlClient, StreamSource};
use sink_postgres::{Database, PostgresSink};

use crate::chosen::ChosenSource;
use crate::continuing::ContinuingSink;
use crate::declared::ComparedSource;
use crate::plan::PlannedTable;

/// The table's stream.
pub(crate) fn source(client: &SqlClient, planned: &PlannedTable) -> ChosenSource {
    let PlannedTable { table, sql, declared, all, config, .. } = planned;
    let stream = StreamSource::new(client.clone(), sql);
    let stream = ComparedSource::new(stream, table, declared.clone());
    ChosenSource::new(stream, client.clone(), table, all.clone(), config.clone())
}

/// The table in the database.
pub(crate) fn sink(database: &Database, planned: &PlannedTable) -> ContinuingSink {
    let PlannedTable { target, options, unpinned, .. } = planned;
    let sink = PostgresSink::new(database.clone(), target.schema.clone());
    ContinuingSink::new(sink.with_options(options.clone()), unpinned.clone())
}
