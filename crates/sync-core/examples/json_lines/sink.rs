//! A sink of one file: its first line is the checkpoint, each other line is a row.
//!
//! A commit writes a new file beside it and renames that into place, so that rows and checkpoint change at
//! once or not at all. It reads and writes the whole table each time, which is for small ones.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};
use sync_core::chain::InvalidationRange;
use sync_core::{
    Advance, Checkpoint, Classify, CommitError, Committed, Fault, Readiness, Sink, TablePlan, Txn,
};

use crate::saved::Saved;

#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    #[error("the file is damaged: restore or remove it")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the file has the rows of another dataset or query: choose another")]
    OtherStream,
    #[error("a value cannot be written")]
    Value(#[from] arrow_schema::ArrowError),
}

impl Classify for JsonError {
    fn fault(&self) -> Fault {
        match self {
            Self::Io(_) => Fault::Transient,
            Self::Damaged(_) | Self::OtherStream | Self::Value(_) => Fault::Permanent,
        }
    }
}

type Rows = Vec<(u64, Value)>;

pub(crate) struct JsonLines {
    path: PathBuf,
    /// Held for as long as this process may write.
    lock: Option<File>,
    identity: (String, String),
}

impl JsonLines {
    pub(crate) fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), lock: None, identity: Default::default() }
    }

    fn load(&self) -> Result<(Checkpoint, Rows), JsonError> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
            text => text?,
        };
        let damaged = |error: serde_json::Error| JsonError::Damaged(error.into());
        let mut lines = text.lines();
        let saved: Saved =
            serde_json::from_str(lines.next().unwrap_or_default()).map_err(damaged)?;
        if (&saved.dataset, &saved.query) != (&self.identity.0, &self.identity.1) {
            return Err(JsonError::OtherStream);
        }
        let row = |line| serde_json::from_str(line).map_err(damaged);
        let rows = lines.map(row).collect::<Result<Rows, _>>()?;
        Ok((saved.checkpoint().map_err(JsonError::Damaged)?, rows))
    }

    /// What fails in here has changed nothing; after it, the new file is in place.
    fn store(&self, checkpoint: &Checkpoint, rows: &Rows) -> Result<(), JsonError> {
        let saved = Saved::new(&self.identity.0, &self.identity.1, checkpoint);
        let mut text = serde_json::to_string(&saved).map_err(io::Error::from)?;
        for row in rows {
            text.push('\n');
            text.push_str(&serde_json::to_string(row).map_err(io::Error::from)?);
        }
        let next = self.path.with_added_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(fs::rename(next, &self.path)?)
    }

    /// Makes the rename outlive a crash of the machine.
    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Sink for JsonLines {
    type Error = JsonError;
    type Txn<'a> = JsonTxn<'a>;

    async fn prepare(&mut self, plan: &TablePlan) -> Result<Readiness, JsonError> {
        self.identity = (plan.dataset.clone(), plan.query.clone());
        if self.lock.is_none() {
            let lock = File::create(self.path.with_added_extension("lock"))?;
            match lock.try_lock() {
                Ok(()) => self.lock = Some(lock),
                Err(TryLockError::WouldBlock) => return Ok(Readiness::Standby),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        let (mut checkpoint, mut rows) = self.load()?;
        if checkpoint.provisional.take().is_some() {
            // Rows ahead of the cursor are streamed again.
            checkpoint.version += 1;
            let cursor = checkpoint.cursor.as_ref().map(|cursor| cursor.number.get());
            rows.retain(|(block, _)| cursor.is_some_and(|cursor| *block <= cursor));
            self.store(&checkpoint, &rows)?;
        }
        // Nothing is read before it is certain to stay, also after a commit in doubt.
        self.sync_folder()?;
        Ok(Readiness::Ready(checkpoint))
    }

    async fn checkpoint(&mut self) -> Result<Checkpoint, JsonError> {
        self.sync_folder()?;
        Ok(self.load()?.0)
    }

    async fn begin(&mut self) -> Result<JsonTxn<'_>, JsonError> {
        Ok(JsonTxn { sink: self, retracted: Vec::new(), appended: Vec::new() })
    }
}

/// Everything happens in `commit`.
pub(crate) struct JsonTxn<'a> {
    sink: &'a JsonLines,
    retracted: Vec<InvalidationRange>,
    appended: Rows,
}

impl Txn for JsonTxn<'_> {
    type Error = JsonError;

    async fn retract(&mut self, invalidated: &[InvalidationRange]) -> Result<(), JsonError> {
        self.retracted.extend_from_slice(invalidated);
        Ok(())
    }

    async fn append(&mut self, batch: &RecordBatch) -> Result<(), JsonError> {
        let options = FormatOptions::new().with_null("null");
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let (mut block, mut values) = (0, Map::new());
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                let text = ArrayFormatter::try_new(column, &options)?.value(row).try_to_string()?;
                if field.name() == "_block_num" {
                    block = text.parse().map_err(|error| JsonError::Damaged(Box::new(error)))?;
                }
                let value = if column.is_null(row) { Value::Null } else { text.into() };
                values.insert(field.name().clone(), value);
            }
            self.appended.push((block, values.into()));
        }
        Ok(())
    }

    async fn commit(self, advance: &Advance) -> Result<Committed, CommitError<JsonError>> {
        let (mut checkpoint, mut rows) = self.sink.load().map_err(CommitError::Aborted)?;
        if checkpoint.version != advance.from {
            return Err(CommitError::Fenced);
        }
        let before = rows.len();
        let is_gone = |block: u64, range: &InvalidationRange| {
            (range.start.get()..=range.end.get()).contains(&block)
        };
        rows.retain(|(block, _)| !self.retracted.iter().any(|range| is_gone(*block, range)));
        let retracted = u64::try_from(before - rows.len()).ok();
        rows.extend(self.appended);
        checkpoint.apply(advance);
        self.sink.store(&checkpoint, &rows).map_err(CommitError::Aborted)?;
        self.sink.sync_folder().map_err(|error| CommitError::InDoubt(error.into()))?;
        Ok(Committed { retracted })
    }
}
