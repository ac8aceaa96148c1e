//! Commits that are announced to whoever listens.

use ampsync_schema::Ident;
use ampsync_testkit::postgres::shared;
use ampsync_testkit::proxy::{Fault, PgProxy};
use futures::StreamExt as _;
use serde_json::{Value, json};
use sink_postgres::{Database, PostgresSink, SinkOptions};
use sync_core::{Classify, CommitError, Cut, Sink, Txn};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::support::*;

/// An app that listens.
struct Listener {
    client: Client,
    heard: Receiver<(String, String)>,
    _connection: JoinSet<()>,
}

impl Listener {
    /// Listens on a channel, as it is written in SQL.
    async fn start(world: &World, channel_sql: &str) -> Self {
        let config = shared().await.config(&world.name);
        let (client, mut connection) = config.connect(NoTls).await.unwrap();
        let (sender, heard) = channel(100);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut messages = futures::stream::poll_fn(move |cx| connection.poll_message(cx));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(told) = message {
                    let told = (told.channel().to_owned(), told.payload().to_owned());
                    sender.send(told).await.unwrap();
                }
            }
        });
        client.batch_execute(&format!("LISTEN {channel_sql}")).await.unwrap();
        Self { client, heard, _connection: task }
    }

    /// Everything that was announced until now.
    async fn heard(&mut self) -> Vec<Value> {
        // What was committed before reaches a session before the answer to its next statement.
        self.client.batch_execute("SELECT 1").await.unwrap();
        let mut told = Vec::new();
        while let Ok((_, payload)) = self.heard.try_recv() {
            told.push(serde_json::from_str(&payload).unwrap());
        }
        told
    }
}

fn announcing(database: &Database, name: &str) -> PostgresSink {
    let mut options = SinkOptions::default();
    options.notify = Some(Ident::new(name).unwrap());
    sink(database).with_options(options)
}

#[tokio::test]
async fn each_commit_is_announced_with_what_it_changed() {
    let world = World::new().await;
    let mut listener = Listener::start(&world, "ampsync").await;
    let mut sink = announcing(&world.database, "ampsync");
    let first = filled(&mut sink, 9).await;
    let told = |from, block, reorg, provisional, rows| {
        json!({
            "table": "logs", "schema": "public", "from": from, "block": block,
            "reorg": reorg, "provisional": provisional, "rows": rows,
        })
    };
    assert_eq!(listener.heard().await, [told(0, 9, false, false, 10)]);

    let second = advance(&first, &[range(10, 12)]);
    commit(&mut sink, &[], &[rows(&[11]), rows(&[12])], &second).await.unwrap();
    assert_eq!(listener.heard().await, [told(10, 12, false, false, 2)]);

    let at_second = first.advanced(&second);
    let mut fork = advance(&at_second, &[range(8, 13)]);
    fork.cut = Some(Cut { base: block(8), parent: Some(hash(7)) });
    commit(&mut sink, &[invalid(8, 12)], &[rows(&[13])], &fork).await.unwrap();
    assert_eq!(listener.heard().await, [told(8, 13, true, false, 1)]);

    // Ahead of the end of a range, and then its end.
    let at_fork = at_second.advanced(&fork);
    let mut ahead = advance(&at_fork, &[]);
    ahead.provisional = Some(block(20));
    commit(&mut sink, &[], &[rows(&[14, 20])], &ahead).await.unwrap();
    let end = advance(&at_fork.advanced(&ahead), &[range(14, 30)]);
    commit(&mut sink, &[], &[], &end).await.unwrap();
    let expected = [told(14, 20, false, true, 2), told(21, 30, false, false, 0)];
    assert_eq!(listener.heard().await, expected);
}

#[tokio::test]
async fn rows_that_a_restart_writes_again_are_announced_again() {
    let world = World::new().await;
    let mut listener = Listener::start(&world, "ampsync").await;
    let mut sink = announcing(&world.database, "ampsync");
    let first = filled(&mut sink, 2).await;
    let mut ahead = advance(&first, &[]);
    ahead.provisional = Some(block(5));
    commit(&mut sink, &[], &[rows(&[3, 4, 5])], &ahead).await.unwrap();
    let restarted = ready(&mut sink, &plan()).await;
    commit(&mut sink, &[], &[rows(&[3])], &advance(&restarted, &[range(3, 9)])).await.unwrap();
    let from: Vec<_> = listener.heard().await.iter().map(|told| told["from"].clone()).collect();
    assert_eq!(from, [0, 3, 3]);
}

#[tokio::test]
async fn what_is_not_committed_is_not_announced() {
    let world = World::new().await;
    let mut sink = announcing(&world.database, "ampsync");
    let before = filled(&mut sink, 2).await;
    let mut listener = Listener::start(&world, "ampsync").await;
    let mut txn = sink.begin().await.unwrap();
    txn.append(&rows(&[3])).await.unwrap();
    drop(txn);
    let mut stale = advance(&before, &[range(3, 3)]);
    stale.from -= 1;
    let fenced = commit(&mut sink, &[], &[rows(&[3])], &stale).await;
    assert!(matches!(fenced, Err(CommitError::Fenced)), "{fenced:?}");
    world.session.batch_execute("ALTER TABLE logs ADD CHECK (_block_num < 4)").await.unwrap();
    let refused = commit(&mut sink, &[], &[rows(&[4])], &advance(&before, &[range(3, 4)])).await;
    assert!(matches!(refused, Err(CommitError::Aborted(_))), "{refused:?}");
    assert!(listener.heard().await.is_empty());
    commit(&mut sink, &[], &[rows(&[3])], &advance(&before, &[range(3, 3)])).await.unwrap();
    assert_eq!(listener.heard().await.len(), 1);
}

#[tokio::test]
async fn nothing_is_announced_unless_it_was_asked_for() {
    let world = World::new().await;
    let mut listener = Listener::start(&world, "ampsync").await;
    filled(&mut world.sink(), 2).await;
    assert!(listener.heard().await.is_empty());
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_announced_once() {
    let world = World::new().await;
    let cluster = shared().await;
    let proxy = PgProxy::start(cluster.addr()).await.unwrap();
    let config = config_via(&world.name, proxy.addr(), &cluster.config(&world.name));
    let mut sink = announcing(&Database::connect(config, &options()).unwrap(), "ampsync");
    let before = filled(&mut sink, 2).await;
    let mut listener = Listener::start(&world, "ampsync").await;
    let struck = proxy.inject(Fault::DropCommitReply);
    let after = advance(&before, &[range(3, 3)]);
    let result = commit(&mut sink, &[], &[rows(&[3])], &after).await;
    assert!(matches!(result, Err(CommitError::InDoubt(_))), "{result:?}");
    struck.await;
    // As the engine does: it looks, finds the commit, and goes on from there.
    let found = sink.checkpoint().await.unwrap();
    assert_eq!(found.commit, Some(after.commit));
    commit(&mut sink, &[], &[rows(&[4])], &advance(&found, &[range(4, 4)])).await.unwrap();
    let blocks = |told: &Value| (told["from"].clone(), told["block"].clone());
    let told: Vec<_> = listener.heard().await.iter().map(blocks).collect();
    assert_eq!(told, [(json!(3), json!(3)), (json!(4), json!(4))]);
}

#[tokio::test]
async fn a_channel_may_be_called_anything() {
    let world = World::new().await;
    let name = "My \"Channel\" it's \\ größe";
    let mut listener = Listener::start(&world, &Ident::new(name).unwrap().to_string()).await;
    filled(&mut announcing(&world.database, name), 2).await;
    listener.client.batch_execute("SELECT 1").await.unwrap();
    let (channel, payload) = listener.heard.recv().await.unwrap();
    assert_eq!(channel, name);
    assert_eq!(serde_json::from_str::<Value>(&payload).unwrap()["block"], 2);
}

#[tokio::test]
async fn names_of_any_characters_and_length_are_announced() {
    let world = World::new().await;
    let mut listener = Listener::start(&world, "ampsync").await;
    let mut sink = announcing(&world.database, "ampsync");
    let name = format!("\"it's\\\t{}", "\u{1}".repeat(56));
    let plan = plan_of(&name, rows(&[]).schema().as_ref().clone());
    let start = ready(&mut sink, &plan).await;
    commit(&mut sink, &[], &[rows(&[1])], &advance(&start, &[range(0, 1)])).await.unwrap();
    assert_eq!(listener.heard().await[0]["table"], name);
}

#[tokio::test]
async fn a_full_queue_is_waited_for() {
    let world = World::new().await;
    let mut sink = announcing(&world.database, "ampsync");
    let before = filled(&mut sink, 2).await;
    // What the server answers then, at the same moment: filling eight gigabytes takes too long.
    world
        .session
        .batch_execute(
            "CREATE FUNCTION queue_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'too many notifications in the NOTIFY queue' USING ERRCODE = '54000'; \
             END $$; \
             CREATE CONSTRAINT TRIGGER queue_is_full AFTER INSERT ON logs DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION queue_is_full()",
        )
        .await
        .unwrap();
    let after = advance(&before, &[range(3, 3)]);
    let Err(CommitError::Aborted(error)) = commit(&mut sink, &[], &[rows(&[3])], &after).await
    else {
        panic!("it was committed")
    };
    assert_eq!(error.fault(), sync_core::Fault::Transient, "{error}");
    assert!(error.remedy().unwrap().contains("idle in a transaction"));
}
