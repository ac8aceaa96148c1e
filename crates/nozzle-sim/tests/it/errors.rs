//! What the server refuses, and how.

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, Criteria, Empty, FlightDescriptor};
use nozzle_sim::{ProbeError, SimConfig, SimServer};
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::client::{STREAM, json, open, range, select, stream};

async fn server() -> SimServer {
    let server = SimServer::start(SimConfig::default()).await.unwrap();
    server.mine(3);
    server
}

async fn client(server: &SimServer) -> FlightServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(server.endpoint()).unwrap();
    FlightServiceClient::new(endpoint.connect().await.unwrap())
}

async fn flight_info_error(server: &SimServer, sql: &str) -> Status {
    match open(server, sql, &[STREAM]).await.unwrap_err() {
        ProbeError::FlightInfo(status) => status,
        error @ (ProbeError::Connect(_) | ProbeError::DoGet(_)) => panic!("{sql}: {error}"),
    }
}

async fn do_get_error(server: &SimServer, sql: &str, headers: &[(&str, &str)]) -> Status {
    match open(server, sql, headers).await.unwrap_err() {
        ProbeError::DoGet(status) => status,
        error @ (ProbeError::Connect(_) | ProbeError::FlightInfo(_)) => panic!("{sql}: {error}"),
    }
}

#[tokio::test]
async fn names_that_do_not_exist_are_internal_errors() {
    let server = server().await;
    for (sql, text) in [
        ("SELECT * FROM \"_/sim@0.0.1\".nope", "table 'amp._/sim@0.0.1.nope' not found"),
        ("SELECT * FROM nope.blocks", "table 'amp.nope.blocks' not found"),
        ("SELECT * FROM \"_/sim@9.9.9\".blocks", "table 'amp._/sim@9.9.9.blocks' not found"),
        ("SELECT nope FROM sim.blocks", "No field named nope"),
    ] {
        let status = flight_info_error(&server, sql).await;
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().starts_with("failed to infer SQL output schema | Caused by: "));
        assert!(status.message().contains(text), "{}", status.message());
    }
}

#[tokio::test]
async fn every_revision_of_the_dataset_is_served() {
    let server = server().await;
    let hash = server.config().manifest_hash();
    for revision in ["latest", "dev", "0.0.1", &hash] {
        let sql = format!("SELECT * FROM \"_/sim@{revision}\".blocks");
        range(&mut open(&server, &sql, &[STREAM]).await.unwrap()).await;
    }
}

#[tokio::test]
async fn bad_sql_is_an_invalid_argument() {
    let server = server().await;
    for (sql, top) in [
        ("", "invalid query: "),
        ("SELEC 1", "SQL parse error"),
        ("SELECT * FROM sim.blocks; SELECT * FROM sim.logs", "SQL parse error"),
        ("SELECT hash AS _hash FROM sim.blocks", "failed to infer SQL output schema"),
        ("SELECT * FROM amp.sim.blocks", "failed to infer SQL output schema"),
    ] {
        let status = flight_info_error(&server, sql).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{sql}");
        assert!(status.message().starts_with(top), "{}", status.message());
    }
}

#[tokio::test]
async fn what_cannot_be_streamed_fails_only_at_do_get() {
    let server = server().await;
    let status = do_get_error(&server, "SELECT count(*) AS n FROM sim.logs", &[STREAM]).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "invalid query: non-incremental queries are not supported for streaming, query contains \
         non-incremental operation: Aggregate"
    );
    let status = do_get_error(&server, "SELECT block_num() AS b FROM sim.logs", &[]).await;
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_cursor_without_the_network_is_refused() {
    let server = server().await;
    let status = do_get_error(&server, &select("logs"), &[STREAM, ("amp-resume", "{}")]).await;
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(
        status.message(),
        "streaming query execution error | Caused by: failed to convert cursor -> expected \
         cursor for network 'simnet', but cursor only contains networks: []"
    );
}

#[tokio::test]
async fn a_dataset_is_first_not_deployed_then_without_data_then_streams() {
    let config = SimConfig { deployed: false, ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    let status = do_get_error(&server, &select("logs"), &[STREAM]).await;
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("has not been synced"));

    server.deploy();
    let mut empty = stream(&server, "logs", None).await;
    let message = empty.next().await.unwrap().unwrap();
    assert_eq!(json(&message), serde_json::json!({"ranges": [], "ranges_complete": true}));
    assert!(empty.next().await.unwrap().is_none());

    server.mine(1);
    assert_eq!(range(&mut stream(&server, "logs", None).await).await.numbers(), (0, 0));
}

#[tokio::test]
async fn a_required_token_is_required_on_both_calls() {
    let config = SimConfig { token: Some("secret".to_owned()), ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    server.mine(1);
    let bearer = ("authorization", "Bearer secret");
    range(&mut open(&server, &select("logs"), &[STREAM, bearer]).await.unwrap()).await;
    for headers in [vec![STREAM], vec![STREAM, ("authorization", "Bearer wrong")]] {
        let error = open(&server, &select("logs"), &headers).await.unwrap_err();
        assert_eq!(error.status().unwrap().code(), Code::Unauthenticated);
    }

    let mut probe = nozzle_sim::Probe::connect(&server.endpoint()).await.unwrap();
    let (schema, ticket) = probe.plan(&select("logs"), &[STREAM, bearer]).await.unwrap();
    let refused = probe.redeem(schema, ticket, &[]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn descriptors_other_than_a_statement_are_refused() {
    let server = server().await;
    let mut client = client(&server).await;
    let any = prost_types::Any { type_url: "type.googleapis.com/x.Y".to_owned(), value: vec![] };
    for (descriptor, text) in [
        (FlightDescriptor::new_path(vec!["logs".to_owned()]), ""),
        (FlightDescriptor::new_cmd("SELECT * FROM sim.logs"), ""),
        (
            FlightDescriptor::new_cmd(any.encode_to_vec()),
            "unsupported flight descriptor command: type.googleapis.com/x.Y",
        ),
    ] {
        let status = client.get_flight_info(descriptor).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(text), "{}", status.message());
    }
}

#[tokio::test]
async fn the_other_calls_are_not_implemented() {
    let server = server().await;
    let mut client = client(&server).await;
    let path = FlightDescriptor::new_path(vec![]);
    let answers = [
        client.list_flights(Criteria::default()).await.err(),
        client.get_schema(path.clone()).await.err(),
        client.poll_flight_info(path).await.err(),
        client.do_action(Action::default()).await.err(),
        client.list_actions(Empty {}).await.err(),
    ];
    let names = ["list_flights", "get_schema", "poll_flight_info", "do_action", "list_actions"];
    for (answer, name) in answers.into_iter().zip(names) {
        let status = answer.unwrap();
        assert_eq!((status.code(), status.message()), (Code::Unimplemented, name));
    }
}
