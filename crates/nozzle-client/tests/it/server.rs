//! A Flight service that answers as it is told and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt64Array};
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::utils::batches_to_flight_data;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaResult, Ticket,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use nozzle_client::SqlClient;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

pub(crate) type Messages = BoxStream<'static, Result<FlightData, Status>>;
pub(crate) type Reply = BoxFuture<'static, Result<Messages, Status>>;

/// What a server answers.
pub(crate) struct Script {
    pub(crate) info: Result<FlightInfo, Status>,
    pub(crate) reply: Box<dyn Fn() -> Reply + Send + Sync>,
    /// Whether no query is ever planned.
    pub(crate) withhold_info: bool,
}

impl Script {
    /// Answers every DoGet with what `messages` makes.
    pub(crate) fn new(
        schema: &Schema,
        messages: impl Fn() -> Messages + Send + Sync + 'static,
    ) -> Self {
        let endpoint = FlightEndpoint::new().with_ticket(Ticket::new("the ticket"));
        let info = FlightInfo::new().try_with_schema(schema).unwrap().with_endpoint(endpoint);
        let reply: Box<dyn Fn() -> Reply + Send + Sync> = Box::new(move || async_ok(messages()));
        Self { info: Ok(info), reply, withhold_info: false }
    }

    /// Answers every DoGet with these messages and a clean end.
    pub(crate) fn messages(schema: &Schema, messages: Vec<FlightData>) -> Self {
        Self::new(schema, move || stream::iter(messages.clone()).map(Ok).boxed())
    }

    /// Refuses to plan any query.
    pub(crate) fn refusing(status: Status) -> Self {
        Self { info: Err(status), ..Self::messages(&Schema::empty(), Vec::new()) }
    }
}

fn async_ok(messages: Messages) -> Reply {
    async { Ok(messages) }.boxed()
}

/// One call that a server got.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) call: &'static str,
    pub(crate) headers: MetadataMap,
    /// The SQL of a GetFlightInfo, the ticket of a DoGet.
    pub(crate) what: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A server at work until it is dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl TestServer {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub(crate) async fn start_at(address: SocketAddr, script: Script) -> Self {
        Self::run(address, Server::builder(), script).await
    }

    pub(crate) async fn start_tls(identity: Identity, script: Script) -> Self {
        let tls = ServerTlsConfig::new().identity(identity);
        let server = Server::builder().tls_config(tls).unwrap();
        Self::run("127.0.0.1:0".parse().unwrap(), server, script).await
    }

    async fn run(address: SocketAddr, mut server: Server, script: Script) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::default();
        let service = Service { script, asked: Arc::clone(&asked) };
        let router = server.add_service(FlightServiceServer::new(service));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            router.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, asked, _tasks: tasks }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn client(&self) -> SqlClient {
        SqlClient::new(&self.endpoint()).unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// The columns that most tests use.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("_block_num", DataType::UInt64, false),
        Field::new("value", DataType::Int64, true),
    ]))
}

/// One row for each block.
pub(crate) fn rows(blocks: impl IntoIterator<Item = u64>) -> RecordBatch {
    let blocks = UInt64Array::from_iter_values(blocks);
    let values = Int64Array::from_iter_values(1..=i64::try_from(blocks.len()).unwrap());
    let columns: Vec<ArrayRef> = vec![Arc::new(blocks), Arc::new(values)];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// The message of a schema.
pub(crate) fn schema_message(schema: &Schema) -> FlightData {
    batches_to_flight_data(schema, Vec::new()).unwrap().remove(0)
}

/// The message of a batch without dictionaries.
pub(crate) fn batch_message(batch: &RecordBatch, metadata: &str) -> FlightData {
    let messages = batches_to_flight_data(&batch.schema(), vec![batch.clone()]).unwrap();
    let [_schema, message] = messages.try_into().unwrap();
    message.with_app_metadata(metadata.to_owned())
}

/// A hash that tells forks apart.
pub(crate) fn hash(fork: u8, block: u64) -> String {
    format!("0x{fork:02x}{block:062x}")
}

/// Metadata as servers have written it since October 2025.
pub(crate) fn metadata(fork: u8, start: u64, end: u64, complete: bool) -> String {
    let (hash, parent) = (hash(fork, end), hash(0, start.saturating_sub(1)));
    serde_json::json!({
        "ranges": [{
            "numbers": { "start": start, "end": end },
            "network": "anvil",
            "hash": hash,
            "prev_hash": parent,
        }],
        "ranges_complete": complete,
    })
    .to_string()
}

struct Service {
    script: Script,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    fn note(&self, call: &'static str, headers: &MetadataMap, what: String) {
        self.asked.lock().unwrap().push(Asked { call, headers: headers.clone(), what });
    }
}

/// The query in a command, read independently of the client: the command's only field.
fn query(descriptor: &FlightDescriptor) -> String {
    let any = prost_types::Any::decode(descriptor.cmd.clone()).unwrap();
    assert!(any.type_url.ends_with("arrow.flight.protocol.sql.CommandStatementQuery"));
    String::decode(any.value.as_slice()).unwrap()
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = Messages;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoExchangeStream = Messages;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.note("GetFlightInfo", request.metadata(), query(request.get_ref()));
        if self.script.withhold_info {
            std::future::pending::<()>().await;
        }
        self.script.info.clone().map(Response::new)
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Messages>, Status> {
        let ticket = String::from_utf8(request.get_ref().ticket.to_vec()).unwrap();
        self.note("DoGet", request.metadata(), ticket);
        (self.script.reply)().await.map(Response::new)
    }

    async fn handshake(
        &self,
        _: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        Err(Status::unimplemented("handshake"))
    }

    async fn list_flights(
        &self,
        _: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(Status::unimplemented("list_flights"))
    }

    async fn poll_flight_info(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        Err(Status::unimplemented("poll_flight_info"))
    }

    async fn get_schema(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        Err(Status::unimplemented("get_schema"))
    }

    async fn do_put(
        &self,
        _: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        Err(Status::unimplemented("do_put"))
    }

    async fn do_exchange(
        &self,
        _: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("do_exchange"))
    }

    async fn do_action(
        &self,
        _: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        Err(Status::unimplemented("do_action"))
    }

    async fn list_actions(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        Err(Status::unimplemented("list_actions"))
    }
}
