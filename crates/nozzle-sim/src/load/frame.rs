//! Messages that were encoded once and are sent again and again, each time for other blocks.

use arrow_array::RecordBatch;
use arrow_flight::FlightData;
use arrow_ipc::root_as_message;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_schema::ArrowError;
use bytes::{Bytes, BytesMut};

use crate::chain::Block;
use crate::tables::Table;

const BLOCK: &str = "_block_num";

/// The rows of some consecutive blocks, as messages.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) blocks: u64,
    pub(super) frames: Vec<Frame>,
    /// The message without rows that completes a range.
    pub(super) none: Frame,
}

impl Template {
    /// The rows that `table` has of `blocks`, which begin with block 0, in batches of at most
    /// `batch_rows`.
    pub(super) fn new(
        table: &Table,
        blocks: &[Block],
        batch_rows: usize,
    ) -> Result<Self, ArrowError> {
        let rows = table.rows_of(blocks);
        let starts = (0..rows.num_rows()).step_by(batch_rows.max(1));
        let batch = |at: usize| rows.slice(at, batch_rows.min(rows.num_rows() - at));
        let frames = starts.map(|at| Frame::new(&batch(at))).collect::<Result<_, _>>()?;
        let count = u64::try_from(blocks.len()).unwrap_or(u64::MAX);
        Ok(Self { blocks: count, frames, none: Frame::new(&rows.slice(0, 0))? })
    }
}

/// One message.
#[derive(Debug)]
pub(super) struct Frame {
    message: FlightData,
    /// Where in its body the block numbers are.
    numbers: std::ops::Range<usize>,
}

impl Frame {
    fn new(rows: &RecordBatch) -> Result<Self, ArrowError> {
        let wrong = |what: &str| ArrowError::IpcError(what.to_owned());
        let (column, _) = rows
            .schema_ref()
            .column_with_name(BLOCK)
            .ok_or_else(|| wrong("the rows have no block column"))?;
        if column > 0 {
            return Err(wrong("the block column is not the first"));
        }
        let options = IpcWriteOptions::default();
        let (_, encoded) = IpcDataGenerator::default().encode(
            rows,
            &mut DictionaryTracker::new(true),
            &options,
            &mut IpcWriteContext::default(),
        )?;
        let message: FlightData = encoded.into();
        let header = root_as_message(&message.data_header)
            .map_err(|error| ArrowError::IpcError(error.to_string()))?;
        // A column's first buffer says which values are null, its second has the values.
        let values = header.header_as_record_batch().and_then(|batch| batch.buffers());
        let values = values.filter(|buffers| buffers.len() > 1).map(|buffers| *buffers.get(1));
        let values = values.ok_or_else(|| wrong("the batch has no values"))?;
        let start = usize::try_from(values.offset()).unwrap_or(usize::MAX);
        let numbers = start..start.saturating_add(rows.num_rows().saturating_mul(8));
        if numbers.end > message.data_body.len() {
            return Err(wrong("the block numbers are not in the body"));
        }
        Ok(Self { message, numbers })
    }

    /// The message for blocks that begin with `start`.
    pub(super) fn at(&self, start: u64, metadata: Bytes) -> FlightData {
        let mut body = BytesMut::from(self.message.data_body.as_ref());
        let numbers = body.get_mut(self.numbers.clone()).unwrap_or_default();
        for number in numbers.as_chunks_mut::<8>().0 {
            *number = u64::from_le_bytes(*number).wrapping_add(start).to_le_bytes();
        }
        FlightData { data_body: body.freeze(), app_metadata: metadata, ..self.message.clone() }
    }
}
