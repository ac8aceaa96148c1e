//! A sink in memory: the double that tests use, and the simplest example of a sink.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;

use crate::chain::InvalidationRange;
use crate::checkpoint::{Advance, Checkpoint};
use crate::fault::{Classify, Fault};
use crate::machine::block_column;
use crate::ports::{CommitError, Committed, Readiness, Sink, TablePlan, Txn};

/// A table in memory, which outlives the sinks that write it. Clones are the same table.
#[derive(Clone, Debug, Default)]
pub struct MemoryTable {
    stored: Arc<Mutex<Stored>>,
}

#[derive(Debug, Default)]
struct Stored {
    rows: Vec<RecordBatch>,
    checkpoint: Checkpoint,
    identity: Option<(String, String)>,
    /// The sink that may write.
    owner: Option<u64>,
    sinks: u64,
}

impl MemoryTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink for this table; the first one that is prepared writes, the others stand by until
    /// it is dropped.
    #[must_use]
    pub fn sink(&self) -> MemorySink {
        let mut stored = self.lock();
        stored.sinks += 1;
        MemorySink { table: self.clone(), id: stored.sinks, block_column: String::new() }
    }

    /// What a reader sees: the rows and the checkpoint, as of one moment.
    #[must_use]
    pub fn snapshot(&self) -> (Vec<RecordBatch>, Checkpoint) {
        let stored = self.lock();
        (stored.rows.clone(), stored.checkpoint.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a [`MemoryTable`].
#[derive(Debug)]
pub struct MemorySink {
    table: MemoryTable,
    id: u64,
    block_column: String,
}

/// What a [`MemorySink`] refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The table has rows of something else.
    #[error("the table has the rows of another dataset or query")]
    OtherStream,
}

impl Classify for MemoryError {
    fn fault(&self) -> Fault {
        match self {
            Self::OtherStream => Fault::Permanent,
        }
    }
}

impl Sink for MemorySink {
    type Error = MemoryError;
    type Txn<'a> = MemoryTxn<'a>;

    async fn prepare(&mut self, plan: &TablePlan) -> Result<Readiness, MemoryError> {
        self.block_column.clone_from(&plan.block_column);
        let mut stored = self.table.lock();
        if *stored.owner.get_or_insert(self.id) != self.id {
            return Ok(Readiness::Standby);
        }
        let identity = (plan.dataset.clone(), plan.query.clone());
        if *stored.identity.get_or_insert_with(|| identity.clone()) != identity {
            return Err(MemoryError::OtherStream);
        }
        if stored.checkpoint.provisional.take().is_some() {
            stored.checkpoint.version += 1;
            let cursor = stored.checkpoint.cursor.as_ref().map(|cursor| cursor.number.get());
            let keep = |block: u64| cursor.is_some_and(|cursor| block <= cursor);
            retain(&mut stored.rows, &self.block_column, keep);
        }
        Ok(Readiness::Ready(stored.checkpoint.clone()))
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint, MemoryError> {
        Ok(self.table.lock().checkpoint.clone())
    }

    async fn begin(&mut self) -> Result<MemoryTxn<'_>, MemoryError> {
        Ok(MemoryTxn { sink: self, retracted: Vec::new(), appended: Vec::new() })
    }
}

impl Drop for MemorySink {
    fn drop(&mut self) {
        let mut stored = self.table.lock();
        if stored.owner == Some(self.id) {
            stored.owner = None;
        }
    }
}

/// A transaction of a [`MemorySink`]: everything happens in [`Txn::commit`].
#[derive(Debug)]
pub struct MemoryTxn<'a> {
    sink: &'a MemorySink,
    retracted: Vec<InvalidationRange>,
    appended: Vec<RecordBatch>,
}

impl Txn for MemoryTxn<'_> {
    type Error = MemoryError;

    async fn retract(&mut self, invalidated: &[InvalidationRange]) -> Result<(), MemoryError> {
        self.retracted.extend_from_slice(invalidated);
        Ok(())
    }

    async fn append(&mut self, rows: &RecordBatch) -> Result<(), MemoryError> {
        self.appended.push(rows.clone());
        Ok(())
    }

    async fn commit(self, advance: &Advance) -> Result<Committed, CommitError<MemoryError>> {
        let mut stored = self.sink.table.lock();
        if stored.checkpoint.version != advance.from {
            return Err(CommitError::Fenced);
        }
        let before = count(&stored.rows);
        let gone = |block: u64| {
            let hit =
                |range: &InvalidationRange| (range.start.get()..=range.end.get()).contains(&block);
            self.retracted.iter().any(hit)
        };
        retain(&mut stored.rows, &self.sink.block_column, |block| !gone(block));
        let retracted = Some(before - count(&stored.rows));
        stored.rows.extend(self.appended);
        stored.checkpoint.apply(advance);
        Ok(Committed { retracted })
    }
}

fn count(rows: &[RecordBatch]) -> u64 {
    rows.iter().map(|batch| u64::try_from(batch.num_rows()).unwrap_or(u64::MAX)).sum()
}

/// Keeps the rows whose block is to be kept, as slices of the batches they are in.
fn retain(rows: &mut Vec<RecordBatch>, column: &str, keep: impl Fn(u64) -> bool) {
    let kept = |batch: &RecordBatch| -> Vec<RecordBatch> {
        let Some(blocks) = block_column(batch, column) else { return vec![batch.clone()] };
        let mut start = 0;
        let runs = blocks.values().chunk_by(|a, b| keep(*a) == keep(*b));
        runs.filter_map(|run| {
            let slice = batch.slice(start, run.len());
            start += run.len();
            keep(*run.first()?).then_some(slice)
        })
        .collect()
    };
    *rows = rows.iter().flat_map(kept).collect();
}

#[cfg(test)]
mod tests {
    use super::MemoryTable;
    use crate::conformance::Harness;

    impl Harness for MemoryTable {
        type Sink = super::MemorySink;

        async fn sink(&self) -> Self::Sink {
            Self::sink(self)
        }

        async fn rows(&self) -> Vec<(u64, u64)> {
            let (batches, _) = self.snapshot();
            let column = |batch: &arrow_array::RecordBatch, name| {
                super::block_column(batch, name).expect("a column of u64").values().to_vec()
            };
            let rows = |batch| column(batch, "_block_num").into_iter().zip(column(batch, "value"));
            batches.iter().flat_map(rows).collect()
        }
    }

    crate::sink_conformance!(std::future::ready(MemoryTable::new()));
}
