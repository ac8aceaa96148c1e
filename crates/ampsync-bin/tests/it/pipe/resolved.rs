use nozzle_sim::{Era, Method, SimConfig, SimServer, Table};
use rustix::process::Signal;
use serde_json::json;

use super::{Database, start_with};
use crate::process::Running;

async fn simulate(config: SimConfig) -> SimServer {
    let tables = vec![Table::logs(), Table::sparse()];
    SimServer::start(SimConfig { tables, microbatch_blocks_max: 20, ..config }).await.unwrap()
}

/// The binary, which has to ask for everything but the dataset's name.
fn start(sim: &SimServer, database: &Database, dataset: &str) -> Running {
    let admin = sim.admin_endpoint();
    let more = [
        ("DATASET", dataset),
        ("TABLES", ""),
        ("NOZZLE_ADMIN_ENDPOINT", admin.as_str()),
        ("ON_REVISION_CHANGE", "refuse"),
    ];
    start_with(sim, &database.url(), &more)
}

/// What a server was asked for: which dataset, of which streams were opened.
fn datasets(sim: &SimServer) -> Vec<String> {
    let streams = sim.requests().into_iter().filter(|request| request.method == Method::DoGet);
    let dataset = |sql: String| sql.split('"').nth(1).map(str::to_owned);
    let mut all: Vec<String> = streams.filter_map(|request| dataset(request.sql)).collect();
    all.dedup();
    all
}

fn stop(ampsync: Running) {
    ampsync.signal(Signal::TERM);
    let (status, text) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_not_there_yet_is_waited_for_and_its_tables_are_found() {
    let sim = simulate(SimConfig { registered: false, ..SimConfig::default() }).await;
    sim.mine(50);
    let database = Database::create().await;
    let mut ampsync = start(&sim, &database, "sim@0.0.1");
    ampsync.wait_for("the server does not have the dataset yet: waiting for it");
    ampsync.wait_for("the server does not have the dataset yet: waiting for it");
    assert!(sim.requests().is_empty());
    sim.register();
    ampsync.wait_for("the dataset is resolved");
    database.equals(&sim).await;
    sim.mine(5);
    sim.reorg(7);
    database.equals(&sim).await;
    assert_eq!(datasets(&sim), [format!("_/sim@{}", sim.config().manifest_hash())]);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_dataset_ends_with_a_signal() {
    let sim = simulate(SimConfig { registered: false, ..SimConfig::default() }).await;
    let database = Database::create().await;
    let mut ampsync = start(&sim, &database, "sim@0.0.1");
    ampsync.wait_for("the server does not have the dataset yet: waiting for it");
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_one_manifest_are_the_same_and_those_of_another_are_refused() {
    let sim = simulate(SimConfig::default()).await;
    sim.mine(50);
    let database = Database::create().await;
    for dataset in ["sim@latest", "_/sim@0.0.1", "sim@dev", "sim"] {
        let ampsync = start(&sim, &database, dataset);
        sim.mine(10);
        database.equals(&sim).await;
        stop(ampsync);
    }
    let first = sim.config().manifest_hash();
    let second = sim.repoint();
    let (status, text) = start(&sim, &database, "sim@latest").end();
    assert_eq!(status.code(), Some(3), "{text}");
    assert!(text.contains("was written from dataset"), "{text}");
    assert!(text.contains(&first) && text.contains(&second), "{text}");
    // The old manifest is still there, and can be asked for with and without the Admin API.
    let pinned = format!("sim@{first}");
    for admin in [sim.admin_endpoint(), String::new()] {
        let more = [("DATASET", pinned.as_str()), ("NOZZLE_ADMIN_ENDPOINT", admin.as_str())];
        let ampsync = start_with(&sim, &database.url(), &more);
        sim.mine(10);
        database.equals(&sim).await;
        stop(ampsync);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_begun_without_the_admin_api_goes_on_with_it() {
    let sim = simulate(SimConfig::default()).await;
    sim.mine(50);
    let database = Database::create().await;
    let ampsync = start_with(&sim, &database.url(), &[]);
    database.equals(&sim).await;
    stop(ampsync);
    for _ in 0..2 {
        let mut ampsync = start(&sim, &database, "sim@0.0.1");
        ampsync.wait_for("the table was begun before its dataset was resolved");
        sim.reorg(4);
        database.equals(&sim).await;
        stop(ampsync);
    }
    let hash = sim.config().manifest_hash();
    assert_eq!(datasets(&sim), ["_/sim@0.0.1".to_owned(), format!("_/sim@{hash}")]);
    let (status, text) = start(&sim, &database, "sim@latest").end();
    assert_eq!(status.code(), Some(3), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_before_namespaces_is_asked_in_its_own_words() {
    let sim = simulate(SimConfig { era: Era::OCTOBER_2025, ..SimConfig::default() }).await;
    sim.mine(50);
    let database = Database::create().await;
    let ampsync = start(&sim, &database, "sim@0.0.1");
    database.equals(&sim).await;
    stop(ampsync);
    let edit = &sim.config().manifest_hash()[..16];
    assert_eq!(datasets(&sim), [format!("sim__0_0_1-{edit}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_the_dataset_does_not_have_is_a_mistake() {
    let sim = simulate(SimConfig::default()).await;
    let database = Database::create().await;
    let admin = sim.admin_endpoint();
    let more = [("TABLES", "log,sparse"), ("NOZZLE_ADMIN_ENDPOINT", admin.as_str())];
    let (status, text) = start_with(&sim, &database.url(), &more).end();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("has no table \"log\"") && text.contains("did you mean logs?"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_manifest_and_the_stream_differ_is_told_by_column_and_the_stream_is_right() {
    let sim = simulate(SimConfig::default()).await;
    sim.mine(90);
    let database = Database::create().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    let field = |name: &str, kind: &str, nullable: bool| json!({"name": name, "type": kind, "nullable": nullable});
    let fields = [
        field("_block_num", "UInt64", false),
        field("block_num", "UInt64", true),
        field("amount", "UInt64", false),
        field("ghost", "Utf8", true),
    ];
    let table = json!({"input": {"sql": "SELECT 1"}, "schema": {"arrow": {"fields": fields}}});
    let manifest = json!({"kind": "manifest", "tables": {"sparse": table}});
    std::fs::write(&path, manifest.to_string()).unwrap();
    let more =
        [("DATASET_MANIFEST", path.to_str().unwrap()), ("TABLES", ""), ("LOG_FORMAT", "json")];
    let ampsync = start_with(&sim, &database.url(), &more);
    database.table_equals(&sim, "sparse", &sim.canonical("sparse")).await;
    // A new connection is no reason to tell it again.
    sim.drop_connections();
    sim.mine(40);
    database.table_equals(&sim, "sparse", &sim.canonical("sparse")).await;
    ampsync.signal(Signal::TERM);
    let (_, text) = ampsync.end();
    for (column, what) in [
        ("block_num", "a column differs in nulls"),
        ("amount", "a column has another type"),
        ("ghost", "a column is missing"),
        ("label", "there is an additional column"),
    ] {
        let column = format!("\"column\":\"{column}\"");
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(&column)).collect();
        assert_eq!(lines.len(), 1, "{column}: {text}");
        assert!(lines[0].contains(what), "{text}");
    }
}
