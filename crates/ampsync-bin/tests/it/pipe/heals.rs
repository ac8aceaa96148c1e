use ampsync_testkit::proxy::{PgProxy, Proxy};
use nozzle_sim::{Break, Fault, SimConfig, SimServer, Table};
use tonic::Code;

use super::{Database, simulate, start, start_with};

fn broken(after: usize, with: Break) -> Fault {
    Fault::Break { after, with }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_comes_late_is_waited_for() {
    let config =
        SimConfig { tables: vec![Table::blocks()], deployed: false, ..SimConfig::default() };
    let sim = SimServer::start(config).await.unwrap();
    let database = Database::create().await;
    let mut ampsync = start(&sim, &database.url());
    ampsync.wait_for("trying again");
    sim.deploy();
    ampsync.wait_for("nothing to stream yet");
    sim.mine(5);
    database.equals(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_and_streams_that_break_are_survived() {
    let mut sim = simulate(vec![Table::logs(), Table::sparse()]).await;
    sim.mine(40);
    let database = Database::create().await;
    let _ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    for messages in 0..6 {
        sim.inject(broken(messages, Break::Status(Code::Internal, "out of sorts".to_owned())));
        sim.inject(broken(messages, Break::Eof));
        sim.drop_connections();
        sim.mine(5);
        sim.reorg(3);
        database.equals(&sim).await;
    }
    sim.stop().await;
    sim.mine(10);
    sim.restart().await.unwrap();
    database.equals(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_cut_off_and_comes_back_is_survived() {
    let sim = simulate(vec![Table::logs(), Table::blocks()]).await;
    sim.mine(40);
    let database = Database::create().await;
    let proxy = PgProxy::start(database.addr()).await.unwrap();
    let mut ampsync = start(&sim, &database.url_via(proxy.addr()));
    database.equals(&sim).await;
    for _ in 0..3 {
        proxy.refuse();
        proxy.cut();
        sim.mine(30);
        sim.reorg(5);
        ampsync.wait_for("trying again");
        proxy.accept();
        database.equals(&sim).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_wants_is_sent_with_every_call() {
    let token = Some("hunter2".to_owned());
    let config = SimConfig { tables: vec![Table::sparse()], token, ..SimConfig::default() };
    let sim = SimServer::start(config).await.unwrap();
    sim.mine(90);
    let database = Database::create().await;
    let proxy = Proxy::start(sim.addr()).await.unwrap();
    let endpoint = format!("http://{}", proxy.addr());
    let more = [("NOZZLE_AUTH_TOKEN", "hunter2"), ("NOZZLE_ENDPOINT", endpoint.as_str())];
    let ampsync = start_with(&sim, &database.url(), &more);
    database.equals(&sim).await;
    // The connection is lost without a word.
    proxy.cut();
    sim.mine(40);
    database.equals(&sim).await;
    drop(ampsync);
}
