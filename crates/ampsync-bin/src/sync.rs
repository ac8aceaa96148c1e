//! The verb `sync`: wires the parts together, runs the engine, and stops it in time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nozzle_client::admin::AdminClient;
use nozzle_client::{SqlClient, StreamSource};
use sink_postgres::{Database, DatabaseOptions, PostgresSink};
use sync_core::{Causes, HealthBoard, Outcome, TableSync};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::continuing::ContinuingSink;
use crate::declared::ComparedSource;
use crate::plan::{self, PlannedTable};
use crate::run::{Exit, refuse};
use crate::settings::{Mistake, Mistakes, Settings, Streams};
use crate::signals::Signals;
use crate::{admin, database, report};

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
    let (client, database) = match adapters(&settings) {
        Ok(adapters) => adapters,
        Err(mistake) => return refuse(&Mistakes(vec![mistake])),
    };
    announce(&settings);
    let tables = tokio::select! {
        planned = plan(&settings) => match planned {
            Ok(tables) => tables,
            Err(mistake) => return refuse(&Mistakes(vec![mistake])),
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
async fn plan(settings: &Settings) -> Result<Vec<PlannedTable>, Mistake> {
    let admin = admin_client(settings)?;
    database::wait_until_usable(&settings.database).await?;
    let dataset = &settings.dataset;
    let admin = admin.filter(|_| !matches!(dataset.streams, Streams::Queries(_)));
    let Some(admin) = admin else { return plan::tables(dataset, None) };
    let resolved = admin::resolve(&admin, &dataset.dataset).await?;
    let tables = plan::tables(dataset, Some(&resolved))?;
    let names: Vec<&str> = tables.iter().map(|planned| planned.table.as_str()).collect();
    let pinned = tables.first().map(|planned| planned.identity.dataset.as_str());
    info!(dataset = %dataset.dataset, pinned, tables = names.join(","), "the dataset is resolved");
    Ok(tables)
}

fn admin_client(settings: &Settings) -> Result<Option<AdminClient>, Mistake> {
    let Some(endpoint) = &settings.server.admin_endpoint else { return Ok(None) };
    let builder = AdminClient::builder(endpoint);
    let builder = match &settings.server.token {
        Some(token) => builder.bearer_token(token.clone()),
        None => builder,
    };
    builder.build().map(Some).map_err(|error| Mistake {
        subject: "NOZZLE_ADMIN_ENDPOINT".to_owned(),
        problem: Causes(&error).to_string(),
        remedy: "example: NOZZLE_ADMIN_ENDPOINT=http://localhost:1610".to_owned(),
    })
}

/// The two ends, which connect when they are first used.
fn adapters(settings: &Settings) -> Result<(SqlClient, Database), Mistake> {
    let server = &settings.server;
    let builder = SqlClient::builder(&server.endpoint).decode_limit_mib(server.decode_limit_mib);
    let builder = match &server.token {
        Some(token) => builder.bearer_token(token.clone()),
        None => builder,
    };
    let client = builder.build().map_err(|error| Mistake {
        subject: "NOZZLE_ENDPOINT".to_owned(),
        problem: Causes(&error).to_string(),
        remedy: "example: NOZZLE_ENDPOINT=http://localhost:1602".to_owned(),
    })?;
    let options = DatabaseOptions {
        max_connections: settings.database.connections_max,
        ..DatabaseOptions::default()
    };
    let config = settings.database.config.clone();
    let database = Database::connect(config, &options).map_err(|error| Mistake {
        subject: settings.database.variable.to_owned(),
        problem: Causes(&error).to_string(),
        remedy: "correct the settings of the database".to_owned(),
    })?;
    Ok((client, database))
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
        schema = settings.database.schema.as_str(),
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
        let (database, schema) = (database.clone(), settings.database.schema.clone());
        let stream = StreamSource::new(client.clone(), &planned.sql);
        TableSync {
            source: ComparedSource::new(stream, &planned.table, planned.declared),
            table: planned.table,
            dataset: planned.identity.dataset,
            query: planned.identity.query,
            block_column: planned.block_column,
            make_sink: move || {
                let sink = PostgresSink::new(database.clone(), schema.clone());
                ContinuingSink::new(sink, planned.unpinned.clone())
            },
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
