use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow_schema::SchemaRef;
use futures::{Stream, StreamExt};
use sync_core::chain::Cursor;
use sync_core::{Mark, Message, Source};

use crate::client::SqlClient;
use crate::error::Error;
use crate::resume::ResumeWatermark;
use crate::stream::{ResponseBatch, ResultStream};

/// One query of one server, as the engine reads it.
#[derive(Clone, Debug)]
pub struct StreamSource {
    client: SqlClient,
    sql: String,
}

impl StreamSource {
    /// The stream of `sql` on the client's server.
    #[must_use]
    pub fn new(client: SqlClient, sql: &str) -> Self {
        Self { client, sql: sql.to_owned() }
    }

    /// The query.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }
}

impl Source for StreamSource {
    type Error = Error;
    type Stream = MessageStream;

    async fn schema(&self) -> Result<SchemaRef, Error> {
        self.client.schema(&self.sql).await
    }

    async fn open(&self, resume: Option<&Cursor>) -> Result<(SchemaRef, MessageStream), Error> {
        let resume = resume.cloned().map(ResumeWatermark::from);
        let stream = self.client.query(&self.sql, resume.as_ref()).await?;
        Ok((Arc::clone(stream.schema()), MessageStream(stream)))
    }
}

/// The messages of a [`ResultStream`], which the engine judges.
#[derive(Debug)]
pub struct MessageStream(ResultStream);

impl Stream for MessageStream {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.0.poll_next_unpin(cx)).map(|batch| batch.and_then(message)))
    }
}

fn message(batch: ResponseBatch) -> Result<Message, Error> {
    let metadata = batch.metadata.ok_or(Error::MetadataMissing)?;
    let mark = match metadata.ranges_complete {
        Some(true) => Mark::Complete,
        Some(false) => Mark::Open,
        None => Mark::Absent,
    };
    Ok(Message { ranges: metadata.ranges, rows: batch.data, mark })
}
