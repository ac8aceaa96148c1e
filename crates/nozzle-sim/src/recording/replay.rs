//! A server that says again what another one said.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use serde_json::Value;
use tonic::Status;

use super::{End, Recorded, Recording};
use crate::chain::Cursor;
use crate::fault::Break;
use crate::flight::{
    Backend, Closed, Connections, Flight, Headers, Listener, Outbox, Request, RequestLog, Stream,
    Ticket,
};
use crate::sql;
use crate::tables::Table;

/// How recordings are replayed.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Whether a recording begins anew after its last batch, instead of ending as recorded.
    pub repeat: bool,
    /// After how many messages (the schema counts) every stream breaks, and how.
    pub cut: Option<(usize, Break)>,
    /// Where the server listens; port 0 takes a free one.
    pub addr: SocketAddr,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self { repeat: false, cut: None, addr: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }
}

/// A running server that replays recordings: batches and metadata verbatim, as fast as they are
/// read. Dropping it closes the port and cuts every connection.
///
/// A query gets the recording of the table it names; a single recording answers every query. A
/// client that comes back with a cursor gets what followed the completion of that cursor, also
/// if a later reorg took it back; with a cursor the recording does not know, everything.
#[derive(Debug)]
pub struct ReplayServer {
    log: RequestLog,
    listener: Listener,
}

impl ReplayServer {
    /// Starts a server with these recordings.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(recordings: Vec<Recording>, options: ReplayOptions) -> io::Result<Self> {
        let (log, connections) = (RequestLog::default(), Connections::default());
        let addr = options.addr;
        let backend = Arc::new(Replay { recordings, options });
        let flight = Flight::new(backend, None, log.clone(), connections.clone());
        let listener = Listener::open(addr, connections, flight).await?;
        Ok(Self { log, listener })
    }

    /// The server's URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.listener.addr())
    }

    /// The calls that clients made, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.log.all()
    }
}

#[derive(Debug)]
struct Replay {
    recordings: Vec<Recording>,
    options: ReplayOptions,
}

impl Replay {
    fn recording(&self, sql: &str) -> Result<&Recording, Status> {
        if let [only] = self.recordings.as_slice() {
            return Ok(only);
        }
        let wanted = sql::parse(sql).ok().map(|query| query.table);
        let has_table = |recording: &&Recording| {
            wanted.is_some() && sql::parse(&recording.sql).ok().map(|q| q.table) == wanted
        };
        let same = self.recordings.iter().find(|recording| recording.sql == sql);
        same.or_else(|| self.recordings.iter().find(has_table))
            .ok_or_else(|| Status::internal(format!("no recording answers: {sql}")))
    }

    async fn play(
        &self,
        recording: &Recording,
        from: usize,
        mut out: Outbox,
    ) -> Result<(), Closed> {
        out.set_snare(self.options.cut.clone()).await?;
        let mut rest = recording.messages.get(from..).unwrap_or_default();
        loop {
            for message in rest {
                out.schema(&message.rows.schema()).await?;
                let metadata = message.metadata.clone().unwrap_or_default();
                out.batch(&message.rows, metadata.into()).await?;
            }
            if !self.options.repeat || recording.messages.is_empty() {
                break;
            }
            rest = &recording.messages;
        }
        match &recording.end {
            End::Open => out.closed().await,
            End::Eof | End::FlightInfo(_) => {}
            End::DoGet(status) => out.fail(status.clone()).await?,
        }
        Ok(())
    }
}

impl Backend for Replay {
    fn plan(&self, sql: &str, headers: &Headers) -> Result<(SchemaRef, Ticket), Status> {
        let recording = self.recording(sql)?;
        if let End::FlightInfo(status) = &recording.end {
            return Err(status.clone());
        }
        let schema = recording.schema.clone().unwrap_or_else(|| guess(sql));
        Ok((schema, Ticket::new(sql, headers, Some("amp-resume"), Some(true))))
    }

    fn stream(self: Arc<Self>, ticket: Ticket) -> Result<Stream, Status> {
        let recording = self.recording(&ticket.sql)?.clone();
        match &recording.end {
            End::DoGet(status) if recording.messages.is_empty() => return Err(status.clone()),
            End::Open | End::Eof | End::FlightInfo(_) | End::DoGet(_) => {}
        }
        let from = resume(&recording.messages, &ticket);
        Ok(Box::new(move |out| {
            Box::pin(async move {
                // Whoever closed it knows why.
                _ = self.play(&recording, from, out).await;
            })
        }))
    }
}

/// The schema of a recording that has none: that of the table it names, if we know such a table.
fn guess(sql: &str) -> SchemaRef {
    let tables = [Table::blocks(), Table::logs(), Table::transactions(), Table::sparse()];
    let name = sql::parse(sql).map(|query| query.table).unwrap_or_default();
    let table = tables.iter().find(|table| table.name() == name);
    table.map_or_else(|| Arc::new(Schema::empty()), Table::schema)
}

/// The first message for a client with this ticket.
fn resume(messages: &[Recorded], ticket: &Ticket) -> usize {
    let cursors = ticket.cursor.iter().flatten();
    cursors.filter_map(|(network, cursor)| position(messages, network, cursor)).next().unwrap_or(0)
}

/// Behind the message that completes the cursor, or at the first that builds on its block.
fn position(messages: &[Recorded], network: &str, cursor: &Cursor) -> Option<usize> {
    let metadata: Vec<Value> = messages
        .iter()
        .map(|message| message.metadata.as_deref().unwrap_or_default())
        .map(|json| serde_json::from_str(json).unwrap_or_default())
        .collect();
    let hash = cursor.hash.to_string();
    let completes = |value: &Value| {
        let range = &value["ranges"][0];
        value["ranges_complete"] == true
            && range["network"] == network
            && range["numbers"]["end"] == cursor.number
            && range["hash"] == hash.as_str()
    };
    let continues = |value: &Value| {
        let range = &value["ranges"][0];
        let start = range["numbers"]["start"].as_u64().and_then(|start| start.checked_sub(1));
        range["network"] == network
            && start == Some(cursor.number)
            && range["prev_hash"] == hash.as_str()
    };
    let behind = metadata.iter().position(completes).map(|index| index + 1);
    behind.or_else(|| metadata.iter().position(continues))
}
