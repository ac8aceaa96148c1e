use nozzle_sim::{SimConfig, SimServer, Table};
use rustix::process::Signal;

use super::client::{ANY_PORT, get};
use super::{Watched, served, until, until_table};
use crate::pipe::{Database, simulate, start_with};
use crate::process::Running;

#[tokio::test]
async fn it_answers_before_there_is_a_database_and_says_what_is_missing() {
    let mut ampsync = Running::start(&[
        ("DATASET", "my/eth@1.0.0"),
        ("TABLES", "logs"),
        ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/app"),
        ANY_PORT,
    ]);
    let address = served(&mut ampsync);
    let ready = until(address, "/readyz", |answer| answer.body.contains("remedy")).await;
    assert_eq!(ready.code, 503);
    let ready = ready.json();
    assert_eq!((&ready["ready"], &ready["stage"]), (&false.into(), &"waiting_for_database".into()));
    let reason = &ready["reasons"][0];
    assert_eq!(reason["reason"], "waiting for the database");
    assert!(reason["error"].as_str().unwrap().contains("refused"), "{ready}");
    assert_eq!(get(address, "/livez").code, 200);
    let status = get(address, "/status").json();
    assert_eq!((&status["dataset"], &status["ready"]), (&"my/eth@1.0.0".into(), &false.into()));
    assert_eq!(status["tables"], serde_json::json!([]));
    ampsync.signal(Signal::TERM);
    assert_eq!(ampsync.end().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_waited_for_is_told() {
    let config =
        SimConfig { tables: vec![Table::blocks()], registered: false, ..SimConfig::default() };
    let sim = SimServer::start(config).await.unwrap();
    sim.mine(5);
    let database = Database::create().await;
    let admin = sim.admin_endpoint();
    let more = [ANY_PORT, ("NOZZLE_ADMIN_ENDPOINT", admin.as_str())];
    let mut ampsync = start_with(&sim, &database.url(), &more);
    let address = served(&mut ampsync);
    let waiting = until(address, "/readyz", |answer| answer.body.contains("\"error\"")).await;
    assert_eq!(waiting.json()["stage"], "waiting_for_dataset");
    sim.register();
    until(address, "/readyz", |answer| answer.code == 200).await;
    database.equals(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_while_every_table_streams_and_says_which_does_not() {
    let watched = Watched::start(vec![Table::blocks(), Table::logs()]).await;
    let address = watched.address;
    assert_eq!(get(address, "/healthz").json(), get(address, "/readyz").json());
    watched.cut_off();
    let unready = until(address, "/readyz", |answer| {
        answer.code == 503 && answer.body.matches("\"remedy\"").count() == 2
    });
    let unready = unready.await.json();
    for (reason, table) in unready["reasons"].as_array().unwrap().iter().zip(["blocks", "logs"]) {
        assert_eq!(reason["table"], table, "{unready}");
        assert!(reason["error"].as_str().unwrap().contains("connect"), "{unready}");
    }
    assert_eq!(get(address, "/livez").code, 200, "a restart would not help");
    watched.proxy.accept();
    watched.settles().await;
    let table = until_table(address, "logs", |table| table["state"] == "live").await;
    assert_eq!(table["error"], serde_json::Value::Null, "it has passed: {table}");
    assert_eq!(table["last_error"]["class"], "database", "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_has_stopped_is_named_with_what_to_do() {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(30);
    let database = Database::create().await;
    let foreign = "CREATE TABLE public.logs (_block_num bigint, mine text); \
                   INSERT INTO public.logs VALUES (1, 'x')";
    database.session.batch_execute(foreign).await.unwrap();
    let mut ampsync = start_with(&sim, &database.url(), &[ANY_PORT]);
    let address = served(&mut ampsync);
    until_table(address, "blocks", |table| table["state"] == "live").await;
    let stopped = until_table(address, "logs", |table| table["state"] == "stopped").await;
    assert!(stopped["error"]["remedy"].is_string(), "{stopped}");
    let ready = get(address, "/readyz");
    assert_eq!(ready.code, 503);
    let reasons = ready.json()["reasons"].as_array().unwrap().clone();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(
        (&reasons[0]["table"], &reasons[0]["reason"]),
        (&"logs".into(), &"stopped for good".into())
    );
    assert_eq!(reasons[0]["remedy"], stopped["error"]["remedy"]);
    ampsync.signal(Signal::TERM);
    assert_eq!(ampsync.end().0.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_stands_by_is_ready() {
    let watched = Watched::start(vec![Table::blocks()]).await;
    let mut second = start_with(&watched.sim, &watched.database.url(), &[ANY_PORT]);
    let address = served(&mut second);
    until_table(address, "blocks", |table| table["state"] == "standby").await;
    assert_eq!(get(address, "/readyz").code, 200);
    watched.ampsync.signal(Signal::KILL);
    watched.sim.mine(5);
    until_table(address, "blocks", |table| table["state"] == "live").await;
    watched.database.equals(&watched.sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_where_each_table_is_and_what_it_went_through() {
    let watched = Watched::start(vec![Table::blocks(), Table::logs()]).await;
    watched.sim.mine(3);
    watched.sim.reorg(4);
    watched.settles().await;
    let head = watched.sim.chain().head().unwrap().number;
    let table = until_table(watched.address, "logs", |table| {
        table["cursor_block"] == head && table["state"] == "live"
    });
    let table = table.await;
    let rows = watched.database.count("SELECT count(*) FROM logs").await;
    let deleted = table["reorg_rows"].as_i64().unwrap();
    assert_eq!(table["rows"].as_i64().unwrap() - deleted, rows, "{table}");
    assert_eq!((&table["lag_blocks"], &table["head_block"]), (&0.into(), &head.into()), "{table}");
    assert_eq!(table["last_reorg"]["rows"], deleted, "{table}");
    assert_eq!(table["network"], watched.sim.config().network, "{table}");
    assert!(table["last_reorg"]["depth_blocks"].as_u64() >= Some(4), "{table}");
    let status = get(watched.address, "/status").json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        status["database_connections"]["max"] == 10
            && status["uptime_seconds"].as_f64() > Some(0.0)
    );
}
