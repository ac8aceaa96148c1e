//! A source that plays a script: one list of messages a connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;
use futures::future::ready;
use futures::stream::{self, BoxStream};
use sync_core::chain::{BlockHash, BlockNum, BlockRange, Cursor, Network};
use sync_core::{Classify, Fault, Mark, Message, Source};

/// One thing that a connection does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send(Message),
    Fail(Fault),
    /// Nothing more comes, and the connection stays open.
    Silence,
    /// Nothing comes for this long.
    Pause(Duration),
    Panic,
}

#[derive(Debug, thiserror::Error)]
#[error("scripted failure of the source")]
pub(crate) struct ScriptError(pub(crate) Fault);

impl Classify for ScriptError {
    fn fault(&self) -> Fault {
        self.0
    }
}

/// Plays one script a connection; after the last one, connections are silent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    connections: VecDeque<Vec<Act>>,
    refusals: usize,
    opened: Vec<Option<Cursor>>,
    schema: Option<SchemaRef>,
}

impl Script {
    pub(crate) fn new(connections: impl IntoIterator<Item = Vec<Act>>) -> Self {
        let script = Self::default();
        script.state.lock().unwrap().connections.extend(connections);
        script
    }

    /// Refuses the next `refusals` attempts to connect.
    pub(crate) fn refusing(self, refusals: usize) -> Self {
        self.state.lock().unwrap().refusals = refusals;
        self
    }

    /// The cursors that streams were opened with, in order.
    pub(crate) fn opened(&self) -> Vec<Option<u64>> {
        let opened = &self.state.lock().unwrap().opened;
        opened.iter().map(|cursor| Some(cursor.as_ref()?.number.get())).collect()
    }

    /// Streams `schema` from now on.
    pub(crate) fn set_schema(&self, schema: SchemaRef) {
        self.state.lock().unwrap().schema = Some(schema);
    }

    /// Adds a column to what is streamed from now on.
    pub(crate) fn add_column(&self) {
        let mut fields = schema().fields().to_vec();
        fields.push(Arc::new(Field::new("more", DataType::UInt64, true)));
        self.state.lock().unwrap().schema = Some(Arc::new(Schema::new(fields)));
    }
}

impl Source for Script {
    type Error = ScriptError;
    type Stream = BoxStream<'static, Result<Message, ScriptError>>;

    async fn schema(&self) -> Result<SchemaRef, ScriptError> {
        let mut state = self.state.lock().unwrap();
        if state.refusals > 0 {
            state.refusals -= 1;
            return Err(ScriptError(Fault::Transient));
        }
        Ok(state.schema.clone().unwrap_or_else(schema))
    }

    async fn open(
        &self,
        resume: Option<&Cursor>,
    ) -> Result<(SchemaRef, Self::Stream), ScriptError> {
        let mut state = self.state.lock().unwrap();
        state.opened.push(resume.cloned());
        let acts = state.connections.pop_front().unwrap_or_else(|| vec![Act::Silence]);
        let stream = stream::iter(acts).flat_map(|act| match act {
            Act::Send(message) => stream::iter([Ok(message)]).boxed(),
            Act::Fail(fault) => stream::iter([Err(ScriptError(fault))]).boxed(),
            Act::Silence => stream::pending().boxed(),
            Act::Pause(time) => {
                stream::once(tokio::time::sleep(time)).filter_map(|()| ready(None)).boxed()
            }
            Act::Panic => panic!("a scripted panic"),
        });
        Ok((state.schema.clone().unwrap_or_else(schema), stream.boxed()))
    }
}

pub(crate) fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::UInt64, false);
    Arc::new(Schema::new(vec![field("_block_num"), field("value")]))
}

/// The hash of block `number` on fork `fork`.
pub(crate) fn hash(number: u64, fork: u8) -> BlockHash {
    let mut bytes = [fork; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    BlockHash(bytes)
}

/// The blocks `start..=end`, whose end is on fork `fork` and whose parent is on fork `parent`.
pub(crate) fn range_on(start: u64, end: u64, fork: u8, parent: u8) -> BlockRange {
    let number = |number| BlockNum::try_from(number).unwrap();
    let parent = hash(start.wrapping_sub(1), parent);
    let network = Network::new("testnet");
    BlockRange::new(network, number(start), number(end), hash(end, fork), Some(parent)).unwrap()
}

pub(crate) fn range(start: u64, end: u64) -> BlockRange {
    range_on(start, end, 0, 0)
}

/// Rows of `range`: block and value.
pub(crate) fn rows(range: &BlockRange, rows: &[(u64, u64)]) -> Act {
    message(vec![range.clone()], rows, Mark::Open)
}

/// The end of `range`.
pub(crate) fn end(range: &BlockRange) -> Act {
    message(vec![range.clone()], &[], Mark::Complete)
}

/// What a server says that has nothing to stream yet.
pub(crate) fn not_ready() -> Act {
    message(vec![], &[], Mark::Complete)
}

/// One row a block, and the end: `value` is the block's number times ten.
pub(crate) fn whole(range: &BlockRange) -> Vec<Act> {
    let blocks = range.start().get()..=range.end().get();
    let content: Vec<_> = blocks.map(|block| (block, block * 10)).collect();
    vec![rows(range, &content), end(range)]
}

pub(crate) fn message(ranges: Vec<BlockRange>, rows: &[(u64, u64)], mark: Mark) -> Act {
    let column = |value: fn(&(u64, u64)) -> u64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(value(row))).collect::<UInt64Array>())
    };
    let columns = vec![column(|row| row.0), column(|row| row.1)];
    let rows = RecordBatch::try_new(schema(), columns).unwrap();
    Act::Send(Message { ranges, rows, mark })
}

/// Rows of `range` without the column `value`.
pub(crate) fn narrow_rows(range: &BlockRange, blocks: &[u64]) -> Act {
    let schema = Schema::new(vec![Field::new("_block_num", DataType::UInt64, false)]);
    let blocks: ArrayRef = Arc::new(UInt64Array::from(blocks.to_vec()));
    let rows = RecordBatch::try_new(Arc::new(schema), vec![blocks]).unwrap();
    Act::Send(Message { ranges: vec![range.clone()], rows, mark: Mark::Open })
}
