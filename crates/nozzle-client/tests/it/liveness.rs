//! Silence, dead peers and cancellation.

use std::sync::Mutex;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use futures::{FutureExt, future, poll};
use nozzle_client::{Call, Error};
use sync_core::{Classify, Fault};
use tokio::sync::oneshot;

use crate::proxy::Proxy;
use crate::server::{Messages, Script, TestServer, batch_message, rows, schema, schema_message};

const PING: Duration = Duration::from_millis(100);

/// One row, and then silence.
fn row_and_silence() -> Messages {
    let messages = [schema_message(&schema()), batch_message(&rows([1]), "")].map(Ok);
    stream::iter(messages).chain(stream::pending()).boxed()
}

#[tokio::test]
async fn a_query_returns_its_schema_however_long_the_server_is_silent() {
    let silent = Script::new(&schema(), || stream::pending().boxed());
    // A gateway may hold even the answer's headers back until there is something to send.
    let mut withheld = Script::messages(&schema(), Vec::new());
    withheld.reply = Box::new(|| future::pending().boxed());
    for script in [silent, withheld] {
        let server = TestServer::start(script).await;
        let mut stream = server.client().query("SELECT 1", None).await.unwrap();
        assert_eq!(stream.schema(), &schema());
        assert!(poll!(stream.next()).is_pending());
    }
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_pings() {
    let (release, released) = oneshot::channel::<()>();
    let gate = released.shared();
    let script = Script::new(&schema(), move || {
        let messages = [schema_message(&schema()), batch_message(&rows([1]), "")].map(Ok);
        gate.clone().map(|_| stream::iter(messages)).flatten_stream().boxed()
    });
    let server = TestServer::start(script).await;
    let mut proxy = Proxy::before(&server).await;
    let client = proxy.client().ping_interval(PING).build().unwrap();
    let mut stream = client.query("SELECT 1", None).await.unwrap();
    let mut next = stream.next();
    // With the handshake long done, all that comes back are the answers to pings.
    for _ in 0..10 {
        tokio::select! {
            batch = &mut next => panic!("{batch:?}"),
            answer = proxy.from_server.recv() => answer.unwrap(),
        }
    }
    release.send(()).unwrap();
    assert_eq!(next.await.unwrap().unwrap().data, rows([1]));
}

#[tokio::test]
async fn a_peer_that_died_without_a_word_is_found() {
    let server = TestServer::start(Script::new(&schema(), row_and_silence)).await;
    let proxy = Proxy::before(&server).await;
    let builder = proxy.client().ping_interval(PING).ping_timeout(Duration::from_secs(2));
    let client = builder.build().unwrap();
    let mut stream = client.query("SELECT 1", None).await.unwrap();
    stream.next().await.unwrap().unwrap();

    proxy.swallow();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Connection { call: Call::DoGet, .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::Transient);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_client_connects_anew_when_its_connection_was_cut() {
    let server = TestServer::start(Script::new(&schema(), row_and_silence)).await;
    let proxy = Proxy::before(&server).await;
    let client = proxy.client().build().unwrap();
    for _ in 0..3 {
        let mut stream = client.query("SELECT 1", None).await.unwrap();
        stream.next().await.unwrap().unwrap();
        proxy.cut();
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Connection { call: Call::DoGet, .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::Transient);
    }
}

#[tokio::test]
async fn dropping_a_stream_cancels_the_call() {
    let (kept, dropped) = oneshot::channel::<()>();
    let kept = Mutex::new(Some(kept));
    let script = Script::new(&schema(), move || {
        // The server drops what it streams when the call is cancelled, and the sender with it.
        let kept = kept.lock().unwrap().take();
        let messages = [schema_message(&schema()), batch_message(&rows([1]), "")].map(Ok);
        let messages = stream::iter(messages).chain(stream::pending());
        messages.inspect(move |_| assert!(kept.is_some())).boxed()
    });
    let server = TestServer::start(script).await;
    let mut stream = server.client().query("SELECT 1", None).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    assert!(dropped.await.is_err(), "nothing was sent, the sender was dropped");
}

#[tokio::test]
async fn a_call_that_is_never_answered_is_given_up_though_pings_are_answered() {
    let mut script = Script::messages(&schema(), Vec::new());
    script.withhold_info = true;
    let server = TestServer::start(script).await;
    let builder = nozzle_client::SqlClient::builder(&server.endpoint()).ping_interval(PING);
    let client = builder.answer_timeout(Duration::from_secs(1)).build().unwrap();
    let error = client.query("SELECT 1", None).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { call: Call::GetFlightInfo, .. }), "{error:?}");
    assert_eq!(error.to_string(), "GetFlightInfo was not answered within 1 s");
    assert_eq!(error.fault(), Fault::Transient);
}
