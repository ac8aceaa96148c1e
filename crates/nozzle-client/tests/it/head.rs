//! Where a table ends on the server, asked beside the streams.

use std::time::Duration;

use futures::{StreamExt, stream};
use nozzle_client::{Call, Error, HeadProbe, SqlClient};
use nozzle_sim::{Era, SimConfig, SimServer, Table};
use sync_core::chain::BlockNum;

use crate::server::{Script, TestServer, schema};

async fn probe(era: Era, table: &str) -> (SimServer, HeadProbe) {
    let tables = vec![Table::blocks(), Table::sparse()];
    let server = SimServer::start(SimConfig { era, tables, ..SimConfig::default() }).await.unwrap();
    let client = SqlClient::new(&server.endpoint()).unwrap();
    let table = format!("\"{}\".{table}", server.config().dataset_ref());
    (server, HeadProbe::new(client, &table))
}

async fn ask(probe: &mut HeadProbe) -> Option<u64> {
    probe.ask().await.unwrap().map(BlockNum::get)
}

#[tokio::test]
async fn a_server_of_any_age_tells_the_head() {
    for era in [Era::HEAD, Era::OCTOBER_2025, Era::SEPTEMBER_2025, Era::AUGUST_2025, Era::MAY_2025]
    {
        let (server, mut probe) = probe(era, "blocks").await;
        assert_eq!(ask(&mut probe).await, None, "there is nothing yet: {era:?}");
        server.mine(50);
        assert_eq!(ask(&mut probe).await, Some(49), "{era:?}");
        assert_eq!(ask(&mut probe).await, Some(49), "{era:?}");
        server.mine(5);
        assert_eq!(ask(&mut probe).await, Some(54), "{era:?}");
    }
}

#[tokio::test]
async fn only_what_is_new_is_looked_at_again() {
    let (server, mut probe) = probe(Era::HEAD, "blocks").await;
    server.mine(50);
    probe.ask().await.unwrap();
    probe.ask().await.unwrap();
    let asked = server.requests().pop().unwrap().sql;
    assert!(asked.ends_with(".blocks WHERE _block_num >= 49"), "{asked}");
}

#[tokio::test]
async fn a_table_without_new_rows_ends_where_the_server_has_it() {
    let (server, mut probe) = probe(Era::HEAD, "sparse").await;
    server.mine(50);
    assert_eq!(ask(&mut probe).await, Some(49));
    let rows = server.canonical("sparse").iter().map(|batch| batch.num_rows()).sum::<usize>();
    assert!(rows < 50, "not every block has a row");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_an_error() {
    let (server, mut probe) = probe(Era::HEAD, "nothing").await;
    server.mine(1);
    assert!(matches!(probe.ask().await, Err(Error::Status { .. })));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for() {
    let server = TestServer::start(Script::new(&schema(), || stream::pending().boxed())).await;
    let mut probe = HeadProbe::new(server.client(), "eth.blocks");
    let asking = async {
        while server.asked().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(11)).await;
    };
    let (answer, ()) = futures::join!(probe.ask(), asking);
    assert!(matches!(answer, Err(Error::NoAnswer { call: Call::DoGet, .. })), "{answer:?}");
}
