use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightData, Ticket};
use arrow_schema::SchemaRef;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use tokio::time::timeout;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::builder::ClientBuilder;
use crate::decode;
use crate::error::{Call, Error};
use crate::request::{self, Mode};
use crate::resume::ResumeWatermark;
use crate::secret::Secret;
use crate::stream::ResultStream;

/// A client of one server. Cloning is cheap, and all clones share one connection.
#[derive(Clone)]
pub struct SqlClient {
    flight: FlightServiceClient<Channel>,
    authorization: Option<AsciiMetadataValue>,
    token: Option<Secret>,
    limits: Limits,
}

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The largest message that is decoded.
    pub(crate) decode_mib: u16,
    /// How long planning a query may take.
    pub(crate) answer: Duration,
}

impl SqlClient {
    /// A client of the server at `endpoint`, such as `http://localhost:1602`, with default
    /// settings. It connects when it is first used, and again whenever the connection was lost.
    ///
    /// # Errors
    /// [`Error::Endpoint`] when no server can be there, [`Error::Tls`] when TLS cannot be set up.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(endpoint: &str) -> Result<Self, Error> {
        Self::builder(endpoint).build()
    }

    /// The settings of a client of the server at `endpoint`.
    #[must_use]
    pub fn builder(endpoint: &str) -> ClientBuilder {
        ClientBuilder::new(endpoint)
    }

    pub(crate) fn assemble(
        flight: FlightServiceClient<Channel>,
        authorization: Option<AsciiMetadataValue>,
        token: Option<Secret>,
        limits: Limits,
    ) -> Self {
        Self { flight, authorization, token, limits }
    }

    /// The schema that a stream of `sql` has, without starting it.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses the query. Some of what it cannot stream it
    /// refuses only when the stream starts.
    ///
    /// # Cancellation
    /// Dropping the future cancels the call.
    pub async fn schema(&self, sql: &str) -> Result<SchemaRef, Error> {
        Ok(self.plan(sql, Mode::Streaming(None)).await?.0)
    }

    /// A stream of what `sql` selects, from the earliest block or after `resume`, then for ever
    /// along with the chain.
    ///
    /// Returns as soon as the server has planned the query. What goes wrong when it starts to run
    /// it, such as that it cannot be streamed, is the stream's first item.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses the query.
    ///
    /// # Cancellation
    /// Dropping the future cancels the call; dropping the stream cancels the query.
    pub async fn query(
        &self,
        sql: &str,
        resume: Option<&ResumeWatermark>,
    ) -> Result<ResultStream, Error> {
        let (schema, ticket) = self.plan(sql, Mode::Streaming(resume)).await?;
        Ok(ResultStream::new(schema, resume.cloned().unwrap_or_default(), self.redeem(ticket)))
    }

    /// What `sql` selects now, as a stream that ends.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses the query.
    ///
    /// # Cancellation
    /// As with [`query`](Self::query).
    pub async fn batch_query(&self, sql: &str) -> Result<ResultStream, Error> {
        let (schema, ticket) = self.plan(sql, Mode::Batch).await?;
        Ok(ResultStream::new(schema, ResumeWatermark::new(), self.redeem(ticket)))
    }

    /// Plans a query: its schema, and the ticket with which it is run.
    async fn plan(&self, sql: &str, mode: Mode<'_>) -> Result<(SchemaRef, Ticket), Error> {
        let request = self.authorized(request::flight_info(sql, mode)?);
        let mut flight = self.flight.clone();
        // Boxed: tonic's future is large, and would make that of every caller so.
        let answer = flight.get_flight_info(request).boxed();
        // A gateway answers pings for a server that is gone, so that they do not bound this.
        let limit = self.limits.answer;
        let answer = timeout(limit, answer)
            .await
            .map_err(|_| Error::NoAnswer { call: Call::GetFlightInfo, limit })?;
        let info = answer.map_err(|status| self.fail(Call::GetFlightInfo, status))?.into_inner();
        let schema = Arc::new(decode::announced_schema(&info.schema)?);
        let endpoint = info.endpoint.into_iter().next().ok_or(Error::Incomplete("endpoint"))?;
        let ticket = endpoint.ticket.ok_or(Error::Incomplete("ticket"))?;
        Ok((schema, ticket))
    }

    /// Runs a planned query, once the stream is polled.
    ///
    /// Not before, because the call is only answered with the first message where a gateway holds
    /// the answer's headers back, and that may be hours away.
    fn redeem(&self, ticket: Ticket) -> BoxStream<'static, Result<FlightData, Error>> {
        let client = self.clone();
        let request = self.authorized(Request::new(ticket));
        let mut flight = self.flight.clone();
        let answer = async move { flight.do_get(request).await };
        answer
            .map_ok(tonic::Response::into_inner)
            .try_flatten_stream()
            .map_err(move |status| client.fail(Call::DoGet, status))
            .boxed()
    }

    /// The request with the bearer token, which a gateway wants on every call.
    fn authorized<T>(&self, mut request: Request<T>) -> Request<T> {
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }

    fn fail(&self, call: Call, status: Status) -> Error {
        Error::of_status(call, status, self.limits.decode_mib, |text| match &self.token {
            Some(token) => token.redact(text),
            None => text.to_owned(),
        })
    }
}

impl fmt::Debug for SqlClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlClient")
            .field("token", &self.token)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
