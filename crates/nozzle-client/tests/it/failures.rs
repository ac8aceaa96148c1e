//! Errors of the server and of the way to it.

use std::error::Error as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch};
use arrow_flight::FlightInfo;
use futures::stream::{self, StreamExt};
use futures::{FutureExt, TryStreamExt};
use nozzle_client::{Call, Code, Error, SqlClient};
use sync_core::{Classify, Fault};
use tokio::net::TcpListener;
use tonic::Status;

use crate::server::{Script, TestServer, batch_message, rows, schema, schema_message};

/// What servers answer (their words are theirs), and what it means.
const ANSWERS: [(Code, &str, Fault, &str); 10] = [
    (
        Code::InvalidArgument,
        "SQL parse error | Caused by: Invalid SQL syntax",
        Fault::Permanent,
        "query",
    ),
    (
        Code::Internal,
        "failed to infer SQL output schema | Caused by: table 'amp._/anvil_rpc.nope' not found",
        Fault::Transient,
        "deployed",
    ),
    (
        Code::Internal,
        "error creating physical catalog | Caused by: logs has not been synced",
        Fault::Transient,
        "deployed",
    ),
    (
        Code::InvalidArgument,
        "invalid query: non-incremental queries are not supported for streaming",
        Fault::Permanent,
        "aggregates",
    ),
    (Code::Internal, "streaming query execution error", Fault::Transient, "log"),
    (
        Code::ResourceExhausted,
        "query execution error | Resources exhausted",
        Fault::Transient,
        "memory",
    ),
    (Code::NotFound, "failed to compute common ranges", Fault::Transient, "deployed"),
    (Code::Unauthenticated, "token expired", Fault::Transient, "NOZZLE_AUTH_TOKEN"),
    (Code::PermissionDenied, "not yours", Fault::Transient, "NOZZLE_AUTH_TOKEN"),
    (Code::Unimplemented, "get_flight_info", Fault::Transient, "NOZZLE_ENDPOINT"),
];

#[tokio::test]
async fn an_answer_keeps_its_code_and_text_in_either_call() {
    for (code, text, fault, remedy) in ANSWERS {
        let planning = TestServer::start(Script::refusing(Status::new(code, text))).await;
        let refused = planning.client().query("SELECT 1", None).await.unwrap_err();

        let mut script = Script::messages(&schema(), Vec::new());
        script.reply = Box::new(move || async move { Err(Status::new(code, text)) }.boxed());
        let running = TestServer::start(script).await;
        let mut stream = running.client().query("SELECT 1", None).await.unwrap();
        let failed = stream.try_next().await.unwrap_err();

        for (error, expected) in [(refused, Call::GetFlightInfo), (failed, Call::DoGet)] {
            let Error::Status { call, code: answered, text: told } = &error else {
                panic!("{error:?}");
            };
            assert_eq!((*call, *answered, &**told), (expected, code, text));
            assert!(error.to_string().ends_with(text), "{error}");
            assert_eq!(error.fault(), fault, "{error}");
            assert!(error.remedy().unwrap().contains(remedy), "{error}: {:?}", error.remedy());
        }
    }
}

#[tokio::test]
async fn an_error_in_the_middle_comes_after_the_rows_before_it() {
    let messages = || {
        let rows = [schema_message(&schema()), batch_message(&rows([1]), "")].map(Ok);
        let failure = Err(Status::internal("streaming query execution error"));
        stream::iter(rows.into_iter().chain([failure])).boxed()
    };
    let server = TestServer::start(Script::new(&schema(), messages)).await;
    let mut stream = server.client().query("SELECT 1", None).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().data, rows([1]));
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Status { code: Code::Internal, .. }), "{error:?}");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_message_above_the_decode_limit_names_the_limit() {
    let bytes = vec![7_u8; 5 << 20];
    let column: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&bytes]));
    let batch = RecordBatch::try_from_iter([("data", column)]).unwrap();
    let messages = vec![schema_message(&batch.schema()), batch_message(&batch, "")];
    let server = TestServer::start(Script::messages(&batch.schema(), messages)).await;

    let mut stream = server.client().query("SELECT 1", None).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().data, batch, "well below the default limit");

    let client = SqlClient::builder(&server.endpoint()).decode_limit_mib(4).build().unwrap();
    let mut stream = client.query("SELECT 1", None).await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit_mib: 4 }), "{error:?}");
    assert!(error.to_string().contains("4 MiB"), "{error}");
    assert!(error.remedy().unwrap().contains("NOZZLE_DECODE_LIMIT_MIB"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_that_passes_when_it_comes() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = SqlClient::new(&format!("http://{address}")).unwrap();
    let error = client.schema("SELECT 1").await.unwrap_err();
    assert!(matches!(error, Error::Connection { call: Call::GetFlightInfo, .. }), "{error:?}");
    assert_eq!(error.to_string(), "connection failed during GetFlightInfo");
    let cause = error.source().unwrap();
    assert!(cause.source().is_none() && cause.to_string().contains("refused"), "{cause}");
    assert_eq!(error.fault(), Fault::Transient);
    assert!(error.remedy().unwrap().contains("NOZZLE_ENDPOINT"));

    let script = Script::messages(&schema(), Vec::new());
    let _server = TestServer::start_at(address, script).await;
    assert_eq!(client.schema("SELECT 1").await.unwrap(), schema());
}

#[tokio::test]
async fn an_answer_without_a_ticket_or_a_schema_is_refused() {
    let complete = || Script::messages(&schema(), Vec::new()).info.unwrap();
    let without_ticket = {
        let mut info = complete();
        info.endpoint[0].ticket = None;
        info
    };
    for (info, expected) in [
        (FlightInfo { endpoint: Vec::new(), ..complete() }, "endpoint"),
        (without_ticket, "ticket"),
        (FlightInfo { schema: Default::default(), ..complete() }, "schema"),
    ] {
        let script = Script { info: Ok(info), ..Script::messages(&schema(), Vec::new()) };
        let server = TestServer::start(script).await;
        let error = server.client().query("SELECT 1", None).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.fault(), Fault::Transient);
    }
}
