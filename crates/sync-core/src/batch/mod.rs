//! What one transaction carries: rows gather in a [`Buffer`] until an [`Epoch`] is cut from it, as
//! large as the [`BatchTarget`] says.

mod buffer;
mod chunk;
mod target;

pub(crate) use buffer::{Buffer, Disorder};
pub(crate) use chunk::bytes_of;
pub(crate) use target::BatchTarget;

use arrow_array::RecordBatch;

use crate::chain::InvalidationRange;
use crate::checkpoint::Advance;

/// One transaction as a value: it can be tried again as it is.
#[derive(Debug)]
pub(crate) struct Epoch {
    /// What a reorg has made untrue; goes first.
    pub(crate) retract: Option<InvalidationRange>,
    /// The rows: whole blocks.
    pub(crate) batches: Vec<RecordBatch>,
    /// How the checkpoint moves with them.
    pub(crate) advance: Advance,
    /// How many rows there are.
    pub(crate) rows: usize,
    /// How many bytes they were counted with.
    pub(crate) bytes: usize,
}
