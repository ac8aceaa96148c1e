//! What a test makes the server do wrong.

use nozzle_sim::{
    Break, Fault, Lie, ProbeError, ProbeMessage, ProbeStream, SchemaChange, SimConfig, SimServer,
    Table,
};
use serde_json::Value;
use tonic::Code;

use crate::client::{STREAM, block_numbers, count, json, open, range, select, stream};

async fn server(blocks: u64) -> SimServer {
    let config = SimConfig {
        tables: vec![Table::logs().with_rows_per_block(2..=3), Table::blocks()],
        keep_alives: false,
        ..SimConfig::default()
    };
    let server = SimServer::start(config).await.unwrap();
    server.mine(blocks);
    server
}

#[tokio::test]
async fn calls_fail_once_in_the_order_of_the_faults() {
    let server = server(3).await;
    server.inject(Fault::FlightInfo(Code::Unavailable, "one".to_owned()));
    server.inject(Fault::FlightInfo(Code::Internal, "two".to_owned()));
    server.inject(Fault::DoGet(Code::ResourceExhausted, "three".to_owned()));
    for (code, text) in
        [(Code::Unavailable, "one"), (Code::Internal, "two"), (Code::ResourceExhausted, "three")]
    {
        let error = open(&server, &select("logs"), &[STREAM]).await.unwrap_err();
        assert_eq!(
            (error.status().unwrap().code(), error.status().unwrap().message()),
            (code, text)
        );
    }
    assert_eq!(server.faults_left(), 0);
    range(&mut stream(&server, "logs", None).await).await;
}

#[tokio::test]
async fn a_fault_of_one_table_spares_the_others() {
    let server = server(3).await;
    server.inject_for("logs", Fault::FlightInfo(Code::Unavailable, String::new()));
    range(&mut stream(&server, "blocks", None).await).await;
    let error = open(&server, &select("logs"), &[STREAM]).await.unwrap_err();
    assert!(matches!(error, ProbeError::FlightInfo(_)));
}

#[tokio::test]
async fn a_stream_breaks_after_the_messages_it_is_given() {
    let server = server(30).await;
    let status = Break::Status(Code::Internal, "broken".to_owned());
    server.inject(Fault::Break { after: 3, with: status });
    let mut broken = stream(&server, "logs", None).await;
    // The schema is the first of the three.
    assert!(broken.next().await.unwrap().is_some());
    assert!(broken.next().await.unwrap().is_some());
    let status = broken.next().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "broken"));

    server.inject(Fault::Break { after: 1, with: Break::Eof });
    assert_eq!(stream(&server, "logs", None).await.next().await.unwrap(), None);
}

#[tokio::test]
async fn an_idle_stream_breaks_at_once() {
    let server = server(3).await;
    let mut idle = stream(&server, "logs", None).await;
    range(&mut idle).await;
    server.inject(Fault::Break { after: 0, with: Break::Reset });
    assert!(idle.next().await.is_err());
    range(&mut stream(&server, "logs", None).await).await;
}

#[tokio::test]
async fn a_silent_stream_sends_nothing_at_all() {
    let server = server(3).await;
    server.inject(Fault::Silence);
    let mut silent = stream(&server, "logs", None).await;
    let mut other = stream(&server, "logs", None).await;
    range(&mut other).await;
    server.drop_connections();
    assert!(silent.next().await.is_err());
    assert!(!silent.has_schema());
}

#[tokio::test]
async fn a_stopped_server_refuses_and_a_restarted_one_goes_on() {
    let mut server = server(3).await;
    let mut cut = stream(&server, "logs", None).await;
    range(&mut cut).await;
    let endpoint = server.endpoint();
    server.stop().await;
    assert!(cut.next().await.is_err());
    let refused = open(&server, &select("logs"), &[STREAM]).await;
    assert!(matches!(refused, Err(ProbeError::Connect(_))));
    server.mine(1);
    server.restart().await.unwrap();
    assert_eq!(server.endpoint(), endpoint);
    assert_eq!(range(&mut stream(&server, "logs", None).await).await.numbers(), (0, 3));
}

#[tokio::test]
async fn a_changed_schema_shows_on_the_next_connection() {
    let server = server(3).await;
    let before = stream(&server, "logs", None).await;
    server.change_schema("logs", &SchemaChange::Add("extra".to_owned()));
    let mut after = stream(&server, "logs", None).await;
    assert_eq!(after.schema().fields().len(), before.schema().fields().len() + 1);
    let rows = count(&range(&mut after).await.batches);
    assert_eq!(rows, count(&server.canonical("logs")));
}

/// The messages of the first range under a lie, and the range that the truth would be.
async fn lied(lie: Lie) -> (Vec<ProbeMessage>, ProbeStream, SimServer) {
    let server = server(5).await;
    let mut stream = stream(&server, "logs", None).await;
    range(&mut stream).await;
    server.inject(Fault::Lie(lie));
    server.mine(4);
    let mut messages = Vec::new();
    while !messages
        .last()
        .is_some_and(|message: &ProbeMessage| message.metadata.contains("\"ranges_complete\":true"))
    {
        messages.push(stream.next().await.unwrap().unwrap());
    }
    (messages, stream, server)
}

fn told(message: &ProbeMessage) -> Value {
    json(message)["ranges"][0].clone()
}

fn rows(messages: &[ProbeMessage]) -> Vec<u64> {
    messages.iter().flat_map(|message| block_numbers(&message.rows)).collect()
}

#[tokio::test]
async fn hashes_can_be_wrong() {
    for (lie, key) in [
        (Lie::Hash, "hash"),
        (Lie::PrevHash, "prev_hash"),
        (Lie::OtherDataset, "hash"),
        (Lie::OtherDataset, "prev_hash"),
    ] {
        let (messages, mut stream, server) = lied(lie).await;
        let hash = told(&messages[0])[key].as_str().unwrap().parse().unwrap();
        assert_eq!(server.chain().by_hash(&hash), None);
        server.mine(1);
        assert_eq!(range(&mut stream).await.numbers(), (9, 9), "the truth goes on");
    }
}

#[tokio::test]
async fn a_gap_leaves_a_block_out() {
    let (messages, ..) = lied(Lie::Gap).await;
    assert_eq!(told(&messages[0])["numbers"]["start"], 6);
    assert!(!rows(&messages).contains(&5));
}

#[tokio::test]
async fn an_overlap_sends_a_block_again() {
    let (messages, _, server) = lied(Lie::Overlap).await;
    assert_eq!(told(&messages[0])["numbers"]["start"], 4);
    assert_eq!(
        told(&messages[0])["prev_hash"],
        server.chain().block(3).unwrap().hash.to_string().as_str()
    );
    assert_eq!(rows(&messages)[0], 4);
}

#[tokio::test]
async fn rows_can_lie_above_the_range_or_out_of_order_or_in_its_completion() {
    let (messages, ..) = lied(Lie::RowsAbove).await;
    assert_eq!(rows(&messages).last(), Some(&9));
    assert_eq!(told(&messages[0])["numbers"]["end"], 8);
    let (messages, ..) = lied(Lie::Unordered).await;
    assert!(!rows(&messages).is_sorted());
    let (messages, ..) = lied(Lie::RowsInCompletion).await;
    assert_eq!(messages.last().unwrap().rows.num_rows(), 1);
}

#[tokio::test]
async fn the_network_can_be_another_or_one_too_many() {
    let (messages, ..) = lied(Lie::OtherNetwork).await;
    assert_eq!(told(&messages[0])["network"], "lies");
    let (messages, ..) = lied(Lie::TwoNetworks).await;
    assert_eq!(json(&messages[0])["ranges"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn metadata_can_be_missing_or_garbage() {
    for (lie, text) in [(Lie::NoMetadata, ""), (Lie::Garbage, "{\"ranges\": [{\"numbers\"")] {
        let server = server(5).await;
        server.inject(Fault::Lie(lie));
        let message = stream(&server, "logs", None).await.next().await.unwrap().unwrap();
        assert_eq!(message.metadata, text);
    }
}

#[tokio::test]
async fn a_completion_can_be_missing() {
    let server = server(5).await;
    server.inject(Fault::Lie(Lie::NoCompletion));
    let mut stream = stream(&server, "logs", None).await;
    let mut starts = Vec::new();
    while starts.last() != Some(&5) {
        let message = stream.next().await.unwrap().unwrap();
        assert_eq!(json(&message)["ranges_complete"] == true, starts.last() == Some(&5));
        starts.push(told(&message)["numbers"]["start"].as_u64().unwrap());
        server.mine(u64::from(starts.len() == 1));
    }
}

#[tokio::test]
async fn a_garbled_message_cannot_be_read() {
    let server = server(3).await;
    server.inject_for("blocks", Fault::Lie(Lie::GarbledHeader));
    let mut spoiled = stream(&server, "blocks", None).await;
    assert!(spoiled.next().await.is_err());
    range(&mut stream(&server, "blocks", None).await).await;
}

#[tokio::test]
async fn a_withheld_answer_does_not_come_and_the_next_does() {
    let server = server(3).await;
    server.inject_for("logs", Fault::Withhold);
    let sql = select("logs");
    let withheld = open(&server, &sql, &[STREAM]);
    let limit = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(limit, withheld).await.is_err());
    range(&mut stream(&server, "logs", None).await).await;
}

#[tokio::test]
async fn a_schema_can_be_changed_and_restored() {
    let server = server(3).await;
    let before = server.table("logs").schema();
    server.change_schema("logs", &SchemaChange::Add("extra".to_owned()));
    assert_ne!(server.table("logs").schema(), before);
    server.restore_schema("logs");
    assert_eq!(server.table("logs").schema(), before);
}
