//! The verb `sync`: wires the parts together, runs the engine, and stops it in time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nozzle_client::SqlClient;
use sink_postgres::Database;
use sync_core::{Outcome, TableSync};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::console::Console;
use crate::http::{self, Scene, Started};
use crate::plan::{self, PlannedTable};
use crate::run::{Exit, refuse};
use crate::settings::{Mistake, Mistakes, Settings, Streams};
use crate::signals::Signals;
use crate::stage::{Progress, Stage};
use crate::{adapters, admin, database, ends, head, report};

/// How long the tables have to stop cleanly.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Keeps the tables in step until a signal comes, or all have stopped for good.
pub(crate) async fn sync(settings: Settings, console: Console) -> Exit {
    let signals = match Signals::listen() {
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
    let scene = Arc::new(scene(&settings, database));
    let server = match http::listen(settings.health).await {
        Ok(server) => server,
        Err(mistake) => return refuse(&mistake.into()),
    };
    announce(&settings);
    // Before anything is waited for, so that it can be told.
    let serving = server.map(|server| server.serve(Arc::clone(&scene)));
    let parts = Parts { settings: &settings, client: &client, scene: &scene };
    let exit = plan_and_run(parts, console, signals).await;
    if let Some(serving) = serving {
        serving.stop().await;
    }
    exit
}

/// What the HTTP server tells of, if there is one.
fn scene(settings: &Settings, database: Database) -> Scene {
    Scene {
        dataset: settings.dataset.dataset.to_string(),
        memory_limit_bytes: settings.engine.memory_limit_bytes.get(),
        progress: Arc::default(),
        health: Arc::default(),
        database,
        started: Started::now(),
    }
}

/// What was wired together.
#[derive(Clone, Copy)]
struct Parts<'a> {
    settings: &'a Settings,
    client: &'a SqlClient,
    /// The database is in it.
    scene: &'a Scene,
}

async fn plan_and_run(parts: Parts<'_>, console: Console, mut signals: Signals) -> Exit {
    let tables = tokio::select! {
        planned = plan(parts.settings, &parts.scene.progress) => match planned {
            Ok(tables) => tables,
            Err(mistakes) => return refuse(&mistakes),
        },
        signal = signals.next() => {
            info!(signal, "stopped before anything was begun");
            return Exit::Clean;
        }
    };
    parts.scene.progress.set(Stage::Running);
    run(parts, tables, console, signals).await
}

/// Waits for the database, and for the dataset where the Admin API can be asked for it; then says
/// what is to be streamed.
async fn plan(settings: &Settings, progress: &Progress) -> Result<Vec<PlannedTable>, Mistakes> {
    let admin = adapters::admin_client(&settings.server)?;
    database::wait_until_usable(&settings.database, progress).await?;
    let dataset = &settings.dataset;
    let admin = admin.filter(|_| !matches!(dataset.streams, Streams::Queries(_)));
    let Some(admin) = admin else { return plan::tables(dataset, &settings.tables, None) };
    let resolved = admin::resolve(&admin, &dataset.dataset, progress).await?;
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
    Parts { settings, client, scene }: Parts<'_>,
    tables: Vec<PlannedTable>,
    console: Console,
    mut signals: Signals,
) -> Exit {
    let heads = head::Probes::new(client, &tables, settings.server.head_probe);
    let tables = tables.into_iter().map(|planned| {
        let database = scene.database.clone();
        TableSync {
            source: ends::source(client, &planned),
            table: planned.table.clone(),
            dataset: planned.identity.dataset.clone(),
            query: planned.identity.query.clone(),
            block_column: planned.block_column.clone(),
            make_sink: move || ends::sink(&database, &planned),
        }
    });
    let health = Arc::clone(&scene.health);
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
            never = heads.follow(&health) => match never {},
            never = report::follow(Arc::clone(&health), console) => match never {},
        }
    });
    let signal = tokio::select! {
        outcomes = &mut engine => return finish(&outcomes),
        signal = signals.next() => signal,
    };
    info!(signal, "stopping");
    scene.progress.set(Stage::Stopping);
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
