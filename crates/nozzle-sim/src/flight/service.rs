//! The calls of the Flight service.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, IpcMessage, PollInfo, PutResult, SchemaAsIpc,
    SchemaResult,
};
use arrow_ipc::writer::IpcWriteOptions;
use futures::{Stream, StreamExt};
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::{Response, Status, Streaming};

use super::outbox::MESSAGES_MAX;
use super::{Backend, Connections, Headers, Outbox, Ticket};

pub(crate) const STATEMENT_QUERY: &str =
    "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery";

/// The Flight SQL command that carries a query.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CommandStatementQuery {
    #[prost(string, tag = "1")]
    pub(crate) query: String,
}

/// A call that a client made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which call.
    pub method: Method,
    /// The SQL of the query; empty if the call was too malformed to have one.
    pub sql: String,
    /// The call's ASCII headers, by lower-case name.
    pub headers: Headers,
}

/// The calls that are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GetFlightInfo`.
    GetFlightInfo,
    /// `DoGet`.
    DoGet,
}

/// The calls so far, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestLog(watch::Sender<Vec<Request>>);

impl RequestLog {
    fn add(&self, method: Method, sql: &str, headers: &Headers) {
        let request = Request { method, sql: sql.to_owned(), headers: headers.clone() };
        self.0.send_modify(|requests| requests.push(request));
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.0.borrow().clone()
    }

    /// Returns when `enough` holds of the calls so far.
    pub(crate) async fn reach(&self, enough: impl FnMut(&Vec<Request>) -> bool) {
        // The sender lives in `self`, so the wait cannot end in an error.
        _ = self.0.subscribe().wait_for(enough).await;
    }
}

/// The Flight service over a backend. Clones share everything.
pub(crate) struct Flight<B> {
    backend: Arc<B>,
    token: Option<String>,
    log: RequestLog,
    connections: Connections,
    /// The tasks that fill streams; they end with the service.
    streams: Arc<Mutex<JoinSet<()>>>,
}

impl<B> Clone for Flight<B> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            token: self.token.clone(),
            log: self.log.clone(),
            connections: self.connections.clone(),
            streams: Arc::clone(&self.streams),
        }
    }
}

impl<B: Backend> Flight<B> {
    pub(crate) fn new(
        backend: Arc<B>,
        token: Option<String>,
        log: RequestLog,
        connections: Connections,
    ) -> Self {
        Self { backend, token, log, connections, streams: Arc::default() }
    }

    fn authorize(&self, headers: &Headers) -> Result<(), Status> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if given == Some(token) {
            return Ok(());
        }
        Err(Status::unauthenticated("missing or invalid bearer token"))
    }
}

fn headers(metadata: &MetadataMap) -> Headers {
    metadata
        .iter()
        .filter_map(|entry| match entry {
            KeyAndValueRef::Ascii(key, value) => {
                Some((key.to_string(), value.to_str().ok()?.to_owned()))
            }
            KeyAndValueRef::Binary(..) => None,
        })
        .collect()
}

/// The SQL of a descriptor.
fn statement(descriptor: &FlightDescriptor) -> Result<String, Status> {
    let malformed =
        |error| Status::invalid_argument(format!("protobuf decode error | Caused by: {error}"));
    if descriptor.r#type() != DescriptorType::Cmd {
        return Err(Status::invalid_argument("unsupported flight descriptor type"));
    }
    let any = prost_types::Any::decode(descriptor.cmd.clone()).map_err(malformed)?;
    if any.type_url != STATEMENT_QUERY {
        let text = format!("unsupported flight descriptor command: {}", any.type_url);
        return Err(Status::invalid_argument(text));
    }
    Ok(CommandStatementQuery::decode(any.value.as_slice()).map_err(malformed)?.query)
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl<B: Backend> FlightService for Flight<B> {
    type HandshakeStream = Replies<HandshakeResponse>;
    type ListFlightsStream = Replies<FlightInfo>;
    type DoGetStream = Replies<FlightData>;
    type DoPutStream = Replies<PutResult>;
    type DoExchangeStream = Replies<FlightData>;
    type DoActionStream = Replies<arrow_flight::Result>;
    type ListActionsStream = Replies<ActionType>;

    async fn get_flight_info(
        &self,
        request: tonic::Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let headers = headers(request.metadata());
        let sql = statement(request.get_ref());
        let text = sql.as_deref().unwrap_or_default();
        self.log.add(Method::GetFlightInfo, text, &headers);
        self.authorize(&headers)?;
        let sql = sql?;
        if self.backend.withholds(&sql) {
            std::future::pending::<()>().await;
        }
        let (schema, ticket) = self.backend.plan(&sql, &headers)?;
        let options = IpcWriteOptions::default();
        let IpcMessage(schema) = SchemaAsIpc::new(&schema, &options)
            .try_into()
            .map_err(|error| Status::internal(format!("schema | Caused by: {error}")))?;
        let ticket = Some(arrow_flight::Ticket { ticket: ticket.encode()? });
        Ok(Response::new(FlightInfo {
            schema,
            flight_descriptor: Some(request.into_inner()),
            endpoint: vec![FlightEndpoint { ticket, ..FlightEndpoint::default() }],
            total_records: -1,
            total_bytes: -1,
            ..FlightInfo::default()
        }))
    }

    async fn do_get(
        &self,
        request: tonic::Request<arrow_flight::Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let headers = headers(request.metadata());
        let ticket = Ticket::decode(&request.get_ref().ticket);
        let sql = ticket.as_ref().map_or("", |ticket| ticket.sql.as_str());
        self.log.add(Method::DoGet, sql, &headers);
        self.authorize(&headers)?;
        let fill = Arc::clone(&self.backend).stream(ticket?)?;
        let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
        let outbox = Outbox::new(sender, self.connections.clone());
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = streams.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "stream panicked");
            }
        }
        streams.spawn(fill(outbox));
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn handshake(
        &self,
        _: tonic::Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        Err(Status::unimplemented("handshake"))
    }

    async fn list_flights(
        &self,
        _: tonic::Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(Status::unimplemented("list_flights"))
    }

    async fn poll_flight_info(
        &self,
        _: tonic::Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        Err(Status::unimplemented("poll_flight_info"))
    }

    async fn get_schema(
        &self,
        _: tonic::Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        Err(Status::unimplemented("get_schema"))
    }

    async fn do_put(
        &self,
        _: tonic::Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        Err(Status::unimplemented("do_put"))
    }

    async fn do_exchange(
        &self,
        _: tonic::Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("do_exchange"))
    }

    async fn do_action(
        &self,
        _: tonic::Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        Err(Status::unimplemented("do_action"))
    }

    async fn list_actions(
        &self,
        _: tonic::Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        Err(Status::unimplemented("list_actions"))
    }
}
