//! One stream's way out: batches become Flight messages, and a fault may end it early.

use arrow_array::RecordBatch;
use arrow_flight::FlightData;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_schema::Schema;
use bytes::Bytes;
use tokio::sync::mpsc;
use tonic::Status;

use super::Connections;
use crate::fault::Break;

/// How many messages wait for the client before the server does.
pub(super) const MESSAGES_MAX: usize = 10;

/// The stream is over: the client left, or a fault ended it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed;

/// How the next batch is spoiled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spoil {
    Truncated,
    GarbledHeader,
    Oversized,
}

/// Larger than what a client takes if it is told nothing else.
const OVERSIZED_BYTES: usize = 40 << 20;

impl Spoil {
    fn apply(self, message: FlightData) -> FlightData {
        let FlightData { data_header, data_body, .. } = &message;
        match self {
            Self::Truncated => {
                FlightData { data_body: data_body.slice(..data_body.len() / 2), ..message }
            }
            Self::GarbledHeader => {
                let garbled: Vec<u8> = data_header.iter().map(|byte| byte ^ 0x5a).collect();
                FlightData { data_header: garbled.into(), ..message }
            }
            Self::Oversized => FlightData { data_body: vec![0; OVERSIZED_BYTES].into(), ..message },
        }
    }
}

/// Where a stream puts its messages.
pub(crate) struct Outbox {
    messages: mpsc::Sender<Result<FlightData, Status>>,
    connections: Connections,
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    context: IpcWriteContext,
    options: IpcWriteOptions,
    has_schema: bool,
    /// How many messages still leave, and what comes then.
    snare: Option<(usize, Break)>,
    spoil: Option<Spoil>,
}

impl Outbox {
    pub(super) fn new(
        messages: mpsc::Sender<Result<FlightData, Status>>,
        connections: Connections,
    ) -> Self {
        Self {
            messages,
            connections,
            generator: IpcDataGenerator::default(),
            dictionaries: DictionaryTracker::new(true),
            context: IpcWriteContext::default(),
            options: IpcWriteOptions::default(),
            has_schema: false,
            snare: None,
            spoil: None,
        }
    }

    /// Sets a break, unless one is set. One that is due breaks the stream here.
    pub(crate) async fn set_snare(&mut self, snare: Option<(usize, Break)>) -> Result<(), Closed> {
        self.snare = self.snare.take().or(snare);
        match self.snare.take_if(|(left, _)| *left == 0) {
            Some((_, with)) => self.break_off(with).await,
            None => Ok(()),
        }
    }

    /// Whether a break could still be set.
    pub(crate) fn is_unsnared(&self) -> bool {
        self.snare.is_none()
    }

    /// Sends the schema, unless it was sent before.
    pub(crate) async fn schema(&mut self, schema: &Schema) -> Result<(), Closed> {
        if std::mem::replace(&mut self.has_schema, true) {
            return Ok(());
        }
        // The tracker learns here which columns have dictionaries.
        let encoded = self.generator.schema_to_bytes_with_dictionary_tracker(
            schema,
            &mut self.dictionaries,
            &self.options,
        );
        self.push(encoded.into()).await
    }

    /// Sends a batch with its metadata, after the dictionaries it needs.
    pub(crate) async fn batch(
        &mut self,
        batch: &RecordBatch,
        metadata: Bytes,
    ) -> Result<(), Closed> {
        let encoded =
            self.generator.encode(batch, &mut self.dictionaries, &self.options, &mut self.context);
        let (dictionaries, batch) = match encoded {
            Ok(encoded) => encoded,
            Err(error) => {
                let text = format!("streaming query execution error | Caused by: {error}");
                return self.fail(Status::internal(text)).await;
            }
        };
        for dictionary in dictionaries {
            self.push(dictionary.into()).await?;
        }
        let message = FlightData { app_metadata: metadata, ..batch.into() };
        let message = match self.spoil.take() {
            Some(spoil) => spoil.apply(message),
            None => message,
        };
        self.push(message).await
    }

    /// Spoils the next batch.
    pub(crate) fn spoil(&mut self, spoil: Spoil) {
        self.spoil = Some(spoil);
    }

    /// Ends the stream with an error.
    pub(crate) async fn fail(&mut self, status: Status) -> Result<(), Closed> {
        _ = self.messages.send(Err(status)).await;
        Err(Closed)
    }

    /// Returns when the client is gone.
    pub(crate) async fn closed(&self) {
        self.messages.closed().await;
    }

    /// Sends a message as it is.
    pub(crate) async fn push(&mut self, message: FlightData) -> Result<(), Closed> {
        self.messages.send(Ok(message)).await.map_err(|_| Closed)?;
        if let Some((left, _)) = &mut self.snare {
            *left = left.saturating_sub(1);
        }
        self.set_snare(None).await
    }

    async fn break_off(&mut self, with: Break) -> Result<(), Closed> {
        match with {
            Break::Status(code, text) => self.fail(Status::new(code, text)).await,
            Break::Eof => Err(Closed),
            Break::Reset => {
                self.connections.cut();
                Err(Closed)
            }
        }
    }
}
