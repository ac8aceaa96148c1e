//! Turns the messages of a stream into record batches, one message at a time.
//!
//! arrow-flight's own decoder comes close, but it refuses a batch that comes before any schema
//! message, which some servers send, and panics where a body is shorter than its header says.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_flight::FlightData;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{Message, MessageHeader};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::error::Error;
use crate::metadata::Metadata;
use crate::stream::ResponseBatch;

/// The schema in a `FlightInfo`, which is an encapsulated IPC message.
pub(crate) fn announced_schema(message: &[u8]) -> Result<Schema, Error> {
    guarded("schema", || arrow_ipc::convert::try_schema_from_ipc_buffer(message))
}

/// What must be remembered from one message to the next.
#[derive(Debug)]
pub(crate) struct Decoder {
    announced: SchemaRef,
    /// Equal to the announced one, but with the dictionary ids of this stream.
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
}

impl Decoder {
    /// A decoder for a stream that is announced to have `schema`.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        Self { announced: Arc::clone(&schema), schema, dictionaries: HashMap::new() }
    }

    /// The batch in `data`; `None` for a message that only prepares for others.
    pub(crate) fn decode(&mut self, data: &FlightData) -> Result<Option<ResponseBatch>, Error> {
        // A message without a header has nothing but its metadata.
        if data.data_header.is_empty() {
            return self.without_rows(data);
        }
        let message = guarded("message", || {
            arrow_ipc::root_as_message(&data.data_header)
                .map_err(|error| ArrowError::IpcError(error.to_string()))
        })?;
        match message.header_type() {
            MessageHeader::NONE => self.without_rows(data),
            MessageHeader::Schema => self.set_schema(message).map(|()| None),
            MessageHeader::DictionaryBatch => self.add_dictionary(message, data).map(|()| None),
            MessageHeader::RecordBatch => self.read_rows(message, data),
            other => {
                let kind = other.variant_name().unwrap_or("unknown");
                let source = ArrowError::IpcError(format!("unexpected kind: {kind}"));
                Err(Error::Decode { what: "message", source })
            }
        }
    }

    fn set_schema(&mut self, message: Message<'_>) -> Result<(), Error> {
        let found = guarded("schema", || {
            let header = message.header_as_schema().ok_or_else(headless)?;
            Ok(arrow_ipc::convert::fb_to_schema(header))
        })?;
        if found.fields() != self.announced.fields() {
            let announced = Arc::clone(&self.announced);
            return Err(Error::SchemaChanged { announced, found: Arc::new(found) });
        }
        // Metadata beside the columns changes nothing about the rows, so one that differs is not
        // worth a failure; batches then still have exactly the schema that was announced.
        let metadata = self.announced.metadata().clone();
        self.schema = Arc::new(Schema::new_with_metadata(found.fields, metadata));
        self.dictionaries.clear();
        Ok(())
    }

    fn add_dictionary(&mut self, message: Message<'_>, data: &FlightData) -> Result<(), Error> {
        guarded("dictionary", || {
            let header = message.header_as_dictionary_batch().ok_or_else(headless)?;
            let body = data.data_body.as_ref().into();
            let dictionaries = &mut self.dictionaries;
            read_dictionary(&body, header, &self.schema, dictionaries, &message.version())
        })
    }

    fn read_rows(
        &self,
        message: Message<'_>,
        data: &FlightData,
    ) -> Result<Option<ResponseBatch>, Error> {
        const WHAT: &str = "record batch";
        let header = message.header_as_record_batch();
        let header = header.ok_or_else(|| Error::Decode { what: WHAT, source: headless() })?;
        // A batch without rows may well have no body at all.
        if header.length() == 0 {
            return self.without_rows(data);
        }
        let rows = guarded(WHAT, || {
            // Copied once, as a whole: the rows are then aligned, and the buffers that the
            // connection reads into are not kept alive by rows that wait to be written.
            let body = data.data_body.as_ref().into();
            let schema = Arc::clone(&self.schema);
            read_record_batch(&body, header, schema, &self.dictionaries, None, &message.version())
        })?;
        Ok(Some(ResponseBatch { data: rows, metadata: Metadata::parse(&data.app_metadata)? }))
    }

    /// A batch of no rows, for the sake of its metadata.
    fn without_rows(&self, data: &FlightData) -> Result<Option<ResponseBatch>, Error> {
        let metadata = Metadata::parse(&data.app_metadata)?;
        if metadata.is_none() && data.data_header.is_empty() {
            return Ok(None);
        }
        let rows = RecordBatch::new_empty(Arc::clone(&self.schema));
        Ok(Some(ResponseBatch { data: rows, metadata }))
    }
}

fn headless() -> ArrowError {
    ArrowError::IpcError("its header is not of the kind it says".to_owned())
}

/// Runs one of arrow's readers on bytes from outside.
///
/// They check most of what they read, but assert some of it: a panic there is malformed input.
fn guarded<T>(
    what: &'static str,
    read: impl FnOnce() -> Result<T, ArrowError>,
) -> Result<T, Error> {
    // A dictionary that was not added, or a schema that was not set, is all that can be left
    // behind, and the stream ends with the error.
    let outcome = catch_unwind(AssertUnwindSafe(read));
    outcome
        .unwrap_or_else(|_| Err(ArrowError::IpcError("it contradicts itself".to_owned())))
        .map_err(|source| Error::Decode { what, source })
}
