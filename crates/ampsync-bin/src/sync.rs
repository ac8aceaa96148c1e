//! The verb `sync`: wires the parts together, runs the engine, and stops it in time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nozzle_client::SqlClient;
use sink_postgres::Database;
use sync_core::{HealthBoard, Outcome, TableSync};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::plan::{self, PlannedTable};
use crate::run::{Exit, refuse};
use crate::settings::{Mistake, Mistakes, Settings, Streams};
use crate::signals::Signals;
use crate::{adapters, admin, database, ends, report};

/// How long the tables have to stop cleanly.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Keeps the tables in step until a signal comes, or all have stopped for good.
pub(crate) async fn sync(settings: Settings) -> Exit {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            error!(%error, "signals cannot be listened for");
            return Exit::Failed;
        }
    };
    let (client, database) = match connect(&settings) {
        Ok(adapters) => adapters,
        Err(mistake) => return refuse(&mistake.into()),
    };
    announce(&settings);
    let tables = tokio::select! {
        planned = plan(&settings) => match planned {
            Ok(tables) => tables,
            Err(mistakes) => return refuse(&mistakes),
        },
        signal = signals.next() => {
            info!(signal, "stopped before anything was begun");
            return Exit::Clean;
        }
    };
    run(&settings, tables, &client, &database, signals).await
}

/// Waits for the database, and for the dataset where the Admin API can be asked for it; then says
/// what is to be streamed.
async fn plan(settings: &Settings) -> Result<Vec<PlannedTable>, Mistakes> {
    let admin = adapters::admin_client(&settings.server)?;
    database::wait_until_usable(&settings.database).await?;
    let dataset = &settings.dataset;
    let admin = admin.filter(|_| !matches!(dataset.streams, Streams::Queries(_)));
    let Some(admin) = admin else { return plan::tables(dataset, &settings.tables, None) };
    let resolved = admin::resolve(&admin, &dataset.dataset).await?;
    let tables = plan::tables(dataset, &settings.tables, Some(&resolved))?;
    let names: Vec<&str> = tables.iter().map(|planned| planned.table.as_str()).collect();
    let pinned = tables.first().map(|planned| planned.identity.dataset.as_str());
    info!(dataset = %dataset.dataset, pinned, tables = names.join(","), "the dataset is resolved");
    Ok(tables)
}

/// The two ends, which connect when they are first used.
fn connect(settings: &Settings) -> Result<(SqlClient, Database), Mistake> {
    Ok((adapters::sql_client(&settings.server)?, adapters::database(&settings.database)?))
}

fn announce(settings: &Settings) {
    let tables = settings.dataset.tables();
    let tables: Vec<&str> = tables.into_iter().map(|table| table.as_str()).collect();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        endpoint = settings.server.endpoint,
        dataset = %settings.dataset.dataset,
        tables = tables.join(","),
        database = settings.database.label(),
        schema = settings.tables.schema.as_str(),
        "ampsync starts"
    );
}

async fn run(
    settings: &Settings,
    tables: Vec<PlannedTable>,
    client: &SqlClient,
    database: &Database,
    mut signals: Signals,
) -> Exit {
    let tables = tables.into_iter().map(|planned| {
        let database = database.clone();
        TableSync {
            source: ends::source(client, &planned),
            table: planned.table.clone(),
            dataset: planned.identity.dataset.clone(),
            query: planned.identity.query.clone(),
            block_column: planned.block_column.clone(),
            make_sink: move || ends::sink(&database, &planned),
        }
    });
    let health = Arc::new(HealthBoard::default());
    let shutdown = CancellationToken::new();
    let engine = sync_core::run(
        tables.collect(),
        settings.engine.clone(),
        Arc::clone(&health),
        shutdown.clone(),
    );
    let mut engine = pin!(async {
        tokio::select! {
            outcomes = engine => outcomes,
            never = report::follow(health) => match never {},
        }
    });
    let signal = tokio::select! {
        outcomes = &mut engine => return finish(&outcomes),
        signal = signals.next() => signal,
    };
    info!(signal, "stopping");
    shutdown.cancel();
    tokio::select! {
        outcomes = &mut engine => finish(&outcomes),
        signal = signals.next() => {
            warn!(signal, "stopped at once, by a second signal; the tables are as after a crash");
            Exit::Failed
        }
        () = tokio::time::sleep(STOP_MAX) => {
            let limit = STOP_MAX.as_secs();
            error!("the tables did not stop within {limit} s: stopped at once, as by a crash");
            Exit::Failed
        }
    }
}

fn finish(outcomes: &[(String, Outcome)]) -> Exit {
    let stopped: Vec<&str> = outcomes
        .iter()
        .filter_map(|(table, outcome)| match outcome {
            Outcome::Clean => None,
            Outcome::Stopped(_) => Some(table.as_str()),
        })
        .collect();
    if stopped.is_empty() {
        info!("stopped");
        Exit::Clean
    } else {
        error!(
            tables = stopped.join(","),
            "tables had stopped for good; see above for the reasons"
        );
        Exit::TableStopped
    }
}
