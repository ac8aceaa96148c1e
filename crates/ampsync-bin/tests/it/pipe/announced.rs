//! An app that follows the tables by listening.

use futures::StreamExt as _;
use nozzle_sim::Table;
use serde_json::Value;
use tokio_postgres::{AsyncMessage, NoTls};

use super::{Database, simulate, start_with};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_learns_of_every_block_and_every_reorg() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(60);
    let database = Database::create().await;
    let config = database.cluster.config(&database.name);
    let (client, mut connection) = config.connect(NoTls).await.unwrap();
    let messages = futures::stream::poll_fn(move |cx| connection.poll_message(cx));
    let mut messages = Box::pin(messages.filter_map(async |message| {
        let AsyncMessage::Notification(told) = message.unwrap() else { return None };
        Some(serde_json::from_str::<Value>(told.payload()).unwrap())
    }));
    tokio::select! {
        listening = client.batch_execute("LISTEN \"My Blocks\"") => listening.unwrap(),
        told = messages.next() => panic!("nothing can be announced yet: {told:?}"),
    }
    let mut ampsync = start_with(&sim, &database.url(), &[("NOTIFY_CHANNEL", "My Blocks")]);
    let mut next = 0;
    for depth in [0, 3, 1, 25] {
        if depth > 0 {
            sim.reorg(depth);
        }
        let head = sim.chain().head().unwrap().number;
        let mut reorgs = 0;
        while next <= head || (depth > 0 && reorgs == 0) {
            let told = messages.next().await.unwrap();
            assert_eq!((&told["table"], &told["schema"]), (&"blocks".into(), &"public".into()));
            let from = told["from"].as_u64().unwrap();
            // What is announced follows on what is known, or replaces the end of it.
            assert_eq!(told["reorg"], from < next, "{told}");
            assert!(from <= next, "{told} leaves a gap after {next}");
            reorgs += u64::from(told["reorg"] == true);
            next = told["block"].as_u64().unwrap() + 1;
        }
        assert_eq!(reorgs > 0, depth > 0);
    }
    database.equals(&sim).await;
    ampsync.wait_for("reorg: replaced");
}
