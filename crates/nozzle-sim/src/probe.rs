//! A client without opinions: it shows every message of a stream as it came.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightDescriptor, Ticket};
use arrow_schema::{Schema, SchemaRef};
use futures::TryStreamExt;
use prost::Message;
use tonic::metadata::{Ascii, MetadataKey, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::flight::{CommandStatementQuery, STATEMENT_QUERY};

/// A connection to a server.
#[derive(Clone, Debug)]
pub struct Probe {
    client: FlightServiceClient<Channel>,
}

/// A stream that is being read.
#[derive(Debug)]
pub struct ProbeStream {
    schema: SchemaRef,
    messages: FlightDataDecoder,
    has_schema: bool,
}

/// A batch and its metadata, verbatim.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeMessage {
    /// The rows, perhaps none.
    pub rows: RecordBatch,
    /// `app_metadata`; empty if there is none.
    pub metadata: String,
}

/// Which call failed, and how.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The server cannot be reached.
    #[error("no connection")]
    Connect(#[from] tonic::transport::Error),
    /// `GetFlightInfo` was answered with an error, or with something that cannot be read.
    #[error("GetFlightInfo: {}", .0.message())]
    FlightInfo(Status),
    /// `DoGet` was.
    #[error("DoGet: {}", .0.message())]
    DoGet(Status),
}

impl ProbeError {
    /// The gRPC code and text, if a server answered.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Connect(_) => None,
            Self::FlightInfo(status) | Self::DoGet(status) => Some(status),
        }
    }
}

impl Probe {
    /// Connects to `endpoint`, a URL.
    ///
    /// # Errors
    /// When it is no URL or nobody listens.
    pub async fn connect(endpoint: &str) -> Result<Self, ProbeError> {
        let channel = Endpoint::from_shared(endpoint.to_owned())?.connect().await?;
        let client = FlightServiceClient::new(channel).max_decoding_message_size(usize::MAX);
        Ok(Self { client })
    }

    /// Sends a query with the given headers; a token in them goes with both calls.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn open(
        &mut self,
        sql: &str,
        headers: &[(&str, &str)],
    ) -> Result<ProbeStream, ProbeError> {
        let (schema, ticket) = self.plan(sql, headers).await.map_err(ProbeError::FlightInfo)?;
        self.redeem(schema, ticket, headers).await.map_err(ProbeError::DoGet)
    }

    /// Only `GetFlightInfo`: the schema of the answer, and its ticket.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn plan(
        &mut self,
        sql: &str,
        headers: &[(&str, &str)],
    ) -> Result<(SchemaRef, Ticket), Status> {
        let query = CommandStatementQuery { query: sql.to_owned() };
        let any =
            prost_types::Any { type_url: STATEMENT_QUERY.to_owned(), value: query.encode_to_vec() };
        let descriptor = FlightDescriptor::new_cmd(any.encode_to_vec());
        let info = self.client.get_flight_info(request(descriptor, headers)?).await?.into_inner();
        let ticket = info.endpoint.first().and_then(|endpoint| endpoint.ticket.clone());
        let ticket = ticket.ok_or_else(|| Status::data_loss("no ticket"))?;
        let schema = Schema::try_from(info)
            .map_err(|error| Status::data_loss(format!("unreadable schema: {error}")))?;
        Ok((Arc::new(schema), ticket))
    }

    /// Only `DoGet`: redeems the ticket of a plan, with the token among the headers.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn redeem(
        &mut self,
        schema: SchemaRef,
        ticket: Ticket,
        headers: &[(&str, &str)],
    ) -> Result<ProbeStream, Status> {
        let authorization: Vec<_> =
            headers.iter().filter(|(name, _)| *name == "authorization").copied().collect();
        let stream = self.client.do_get(request(ticket, &authorization)?).await?.into_inner();
        let messages = FlightDataDecoder::new(stream.map_err(FlightError::from));
        Ok(ProbeStream { schema, messages, has_schema: false })
    }
}

fn request<T>(message: T, headers: &[(&str, &str)]) -> Result<tonic::Request<T>, Status> {
    let mut request = tonic::Request::new(message);
    for (name, value) in headers {
        let refused = |_| Status::new(Code::InvalidArgument, format!("header {name}: {value}"));
        let key: MetadataKey<Ascii> = name.parse().map_err(|_| refused(()))?;
        let value: MetadataValue<Ascii> = value.parse().map_err(|_| refused(()))?;
        request.metadata_mut().insert(key, value);
    }
    Ok(request)
}

impl ProbeStream {
    /// The schema that `GetFlightInfo` promised.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether the stream's own schema message has come.
    #[must_use]
    pub fn has_schema(&self) -> bool {
        self.has_schema
    }

    /// The next batch, or `None` at a clean end. Cancellation loses nothing.
    ///
    /// # Errors
    /// When the stream breaks, or its schema is not the promised one.
    pub async fn next(&mut self) -> Result<Option<ProbeMessage>, Status> {
        while let Some(message) = self.messages.try_next().await.map_err(status)? {
            match message.payload {
                DecodedPayload::None => {}
                DecodedPayload::Schema(schema) if schema == self.schema => self.has_schema = true,
                DecodedPayload::Schema(_) => {
                    return Err(Status::data_loss("the stream's schema is not the promised one"));
                }
                DecodedPayload::RecordBatch(rows) => {
                    let metadata = String::from_utf8_lossy(&message.inner.app_metadata);
                    return Ok(Some(ProbeMessage { rows, metadata: metadata.into_owned() }));
                }
            }
        }
        Ok(None)
    }
}

fn status(error: FlightError) -> Status {
    if let FlightError::Tonic(status) = error {
        return *status;
    }
    Status::data_loss(error.to_string())
}
