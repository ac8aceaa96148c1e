use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow_array::RecordBatch;
use arrow_flight::FlightData;
use arrow_schema::SchemaRef;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::decode::{Decoder, announced_schema};
use crate::error::Error;
use crate::metadata::Metadata;
use crate::resume::ResumeWatermark;

/// One message of a stream: rows, perhaps none, and what the server says of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResponseBatch {
    /// The rows. None in a sign of life or at the end of a range.
    pub data: RecordBatch,
    /// The blocks they are of; `None` from servers before 2025-08-20, and on batch queries from
    /// some later ones.
    pub metadata: Option<Metadata>,
}

/// The answer to a query, message by message, none left out.
///
/// The query starts running when the stream is first polled, and is cancelled when it is dropped.
/// There may be nothing to read for hours: only the loss of the connection, which HTTP/2 pings
/// find, ends the waiting. After an error the stream has ended. A streaming query whose stream
/// ends without one has no data yet, and is to be asked again later.
///
/// Polling is cancel-safe: no message is lost when a `next()` future is dropped.
pub struct ResultStream {
    schema: SchemaRef,
    resume: ResumeWatermark,
    decoder: Decoder,
    messages: BoxStream<'static, Result<FlightData, Error>>,
    ended: bool,
}

impl ResultStream {
    pub(crate) fn new(
        schema: SchemaRef,
        resume: ResumeWatermark,
        messages: BoxStream<'static, Result<FlightData, Error>>,
    ) -> Self {
        let decoder = Decoder::new(Arc::clone(&schema));
        Self { schema, resume, decoder, messages, ended: false }
    }

    /// A stream of messages that come from elsewhere than a server at this moment: from a recording,
    /// or made up to see what a reader makes of them. `announced` is the schema as it is in a
    /// `FlightInfo`; `messages` are read as those of a server are.
    ///
    /// # Errors
    /// [`Error::Decode`] when `announced` is no schema.
    pub fn replayed(
        announced: &[u8],
        messages: impl Stream<Item = FlightData> + Send + 'static,
    ) -> Result<Self, Error> {
        let schema = Arc::new(announced_schema(announced)?);
        Ok(Self::new(schema, ResumeWatermark::new(), messages.map(Ok).boxed()))
    }

    /// The schema of all batches, known before the first of them.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Where the stream resumes; empty if it starts at the earliest block.
    #[must_use]
    pub fn resume(&self) -> &ResumeWatermark {
        &self.resume
    }
}

impl Stream for ResultStream {
    type Item = Result<ResponseBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            let message = ready!(self.messages.poll_next_unpin(cx));
            let batch = match message {
                Some(message) => message.and_then(|data| self.decoder.decode(&data)),
                None => {
                    self.ended = true;
                    break;
                }
            };
            self.ended = batch.is_err();
            if let Some(batch) = batch.transpose() {
                return Poll::Ready(Some(batch));
            }
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for ResultStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultStream")
            .field("schema", &self.schema)
            .field("resume", &self.resume)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
