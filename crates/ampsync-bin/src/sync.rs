//! The verb `sync`: wires the parts together, runs the engine, and stops it in time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nozzle_client::SqlClient;
use nozzle_client::admin::ResolvedDataset;
use sink_postgres::Database;
use sync_core::Outcome;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::console::Console;
use crate::http::{self, Scene, Started};
use crate::plan::{self, PlannedTable};
use crate::reload::{Begun, Engine, Reloader, Reloads, Tables};
use crate::run::{Exit, refuse};
use crate::settings::{Mistake, Mistakes, Settings};
use crate::signals::{Hangup, Signals};
use crate::stage::{Progress, Stage};
use crate::{adapters, admin, database, report};

/// How long the tables have to stop cleanly.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Keeps the tables in step until a signal comes, or all have stopped for good.
pub(crate) async fn sync(settings: Settings, begun: Begun, console: Console) -> Exit {
    let (signals, hangup) = match Signals::listen().and_then(|stop| Ok((stop, Hangup::listen()?))) {
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
    let exit = Box::pin(plan_and_run(parts, console, signals, (begun, hangup))).await;
    if let Some(serving) = serving {
        serving.stop().await;
    }
    exit
}

/// What the HTTP server tells of, if there is one.
fn scene(settings: &Settings, database: Database) -> Scene {
    Scene {
        memory_limit_bytes: settings.engine.memory_limit_bytes.get(),
        progress: Arc::default(),
        health: Arc::default(),
        reloads: Arc::new(Reloads::of(settings.dataset.dataset.to_string())),
        pending: Arc::default(),
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

async fn plan_and_run(
    parts: Parts<'_>,
    console: Console,
    mut signals: Signals,
    (begun, hangup): (Begun, Hangup),
) -> Exit {
    let (tables, resolved) = tokio::select! {
        planned = plan(parts.settings, &parts.scene.progress) => match planned {
            Ok(planned) => planned,
            Err(mistakes) => return refuse(&mistakes),
        },
        signal = signals.next() => {
            info!(signal, "stopped before anything was begun");
            return Exit::Clean;
        }
    };
    let known = resolved.map(|resolved| (parts.settings.dataset.dataset.clone(), resolved));
    let board = &parts.scene.reloads;
    let reloader = match Reloader::start(begun, parts.settings, known, hangup, board) {
        Ok(reloader) => reloader,
        Err(mistakes) => return refuse(&mistakes),
    };
    parts.scene.progress.set(Stage::Running);
    Box::pin(run(parts, tables, reloader, console, signals)).await
}

/// Waits for the database, and for the dataset where the Admin API can be asked for it; then says
/// what is to be streamed.
async fn plan(
    settings: &Settings,
    progress: &Progress,
) -> Result<(Vec<PlannedTable>, Option<ResolvedDataset>), Mistakes> {
    let admin = adapters::admin_client(&settings.server)?;
    database::wait_until_usable(&settings.database, progress).await?;
    let dataset = &settings.dataset;
    let admin = admin.filter(|_| dataset.is_asked_for());
    let Some(admin) = admin else {
        return Ok((plan::tables(dataset, &settings.tables, None)?, None));
    };
    let resolved = admin::resolve(&admin, &dataset.dataset, progress).await?;
    let tables = plan::tables(dataset, &settings.tables, Some(&resolved))?;
    let names: Vec<&str> = tables.iter().map(|planned| planned.table.as_str()).collect();
    let pinned = tables.first().map(|planned| planned.identity.dataset.as_str());
    info!(dataset = %dataset.dataset, pinned, tables = names.join(","), "the dataset is resolved");
    Ok((tables, Some(resolved)))
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
    planned: Vec<PlannedTable>,
    mut reloader: Reloader,
    console: Console,
    mut signals: Signals,
) -> Exit {
    let (health, shutdown) = (&scene.health, CancellationToken::new());
    let engine = Engine::new(settings.engine.clone(), Arc::clone(health), shutdown.clone());
    let ends = (client, &scene.database);
    let told = (health, &scene.pending);
    let how = (settings.server.head_probe, settings.reload.on_change);
    let mut tables = Tables::start(engine, planned, ends, told, how).await;
    let mut report = pin!(report::follow(Arc::clone(health), console));
    let signal = tokio::select! {
        outcomes = reloader.follow(&mut tables) => return finish(&outcomes),
        signal = signals.next() => signal,
        never = &mut report => match never {},
    };
    info!(signal, "stopping");
    scene.progress.set(Stage::Stopping);
    shutdown.cancel();
    tokio::select! {
        outcomes = tables.ended() => finish(&outcomes),
        never = &mut report => match never {},
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
