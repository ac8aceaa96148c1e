//! Rows into batches, and the answer to a query that does not stream.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array, new_null_array};
use arrow_schema::Field;
use arrow_select::take::take_record_batch;
use bytes::Bytes;
use fastrand::Rng;
use tonic::Status;

use super::SimConfig;
use super::plan::Plan;
use super::state::State;
use crate::chain::{Block, Chain, Range};
use crate::flight::{Closed, Outbox};

/// How many blocks' rows a batch query makes at a time.
const BLOCKS: usize = 1000;

/// Answers a batch query: everything there is, then the end.
pub(super) async fn run(state: Arc<State>, plan: Plan, mut random: Rng, mut out: Outbox) {
    // Whoever closed it knows why.
    _ = answer(&state, &plan, &mut random, &mut out).await;
}

async fn answer(
    state: &State,
    plan: &Plan,
    random: &mut Rng,
    out: &mut Outbox,
) -> Result<(), Closed> {
    let chain = Arc::clone(&state.chain.borrow());
    let snare = state.faults().snare(plan.table.name());
    out.set_snare(snare).await?;
    out.schema(&plan.schema).await?;
    let metadata = metadata(state, &chain);
    for blocks in chain.stored().chunks(BLOCKS) {
        let rows = rows_of(&state.config, plan, blocks, random);
        for piece in split(&state.config, &rows, random) {
            send(plan, &piece, metadata(false), out).await?;
        }
    }
    complete(state, plan, metadata(true), out).await
}

/// Answers with the highest block that has a row, null without rows.
pub(super) async fn largest(state: Arc<State>, plan: Plan, mut out: Outbox) {
    // Whoever closed it knows why.
    _ = answer_largest(&state, &plan, &mut out).await;
}

async fn answer_largest(state: &State, plan: &Plan, out: &mut Outbox) -> Result<(), Closed> {
    let chain = Arc::clone(&state.chain.borrow());
    out.schema(&plan.schema).await?;
    // Rows ascend by block, so that the last one has the highest.
    let mut chunks = chain.stored().rchunks(BLOCKS);
    let rows = chunks.find_map(|blocks| {
        let rows = plan.filter(plan.table.rows_of(blocks));
        let last = rows.num_rows().checked_sub(1)?;
        Some(rows.slice(last, 1))
    });
    let metadata = metadata(state, &chain);
    match rows {
        Some(row) => send(plan, &row, metadata(false), out).await?,
        None => {
            let null = |field: &Arc<Field>| new_null_array(field.data_type(), 1);
            let nulls = plan.schema.fields().iter().map(null).collect();
            match RecordBatch::try_new(Arc::clone(&plan.schema), nulls) {
                Ok(row) => out.batch(&row, metadata(false)).await?,
                Err(error) => return out.fail(Status::internal(error.to_string())).await,
            }
        }
    }
    complete(state, plan, metadata(true), out).await
}

/// What messages say of the blocks they are of, and whether that was all.
fn metadata<'a>(state: &'a State, chain: &'a Chain) -> impl Fn(bool) -> Bytes + 'a {
    let stored = chain.stored();
    let range = stored.first().zip(stored.last()).map(|(first, last)| Range::of(first, last));
    let ranges: Vec<_> = range.iter().map(|range| (chain.network(), *range)).collect();
    let era = &state.config.era;
    move |complete| match era.batch_metadata {
        true => era.metadata(&ranges, complete),
        false => Bytes::new(),
    }
}

/// Says that this was all, where the server's era does.
async fn complete(
    state: &State,
    plan: &Plan,
    metadata: Bytes,
    out: &mut Outbox,
) -> Result<(), Closed> {
    if state.config.era.batch_metadata {
        send(plan, &plan.table.rows_of(&[]), metadata, out).await?;
    }
    Ok(())
}

/// The table's rows of the blocks, those of one block in any order.
pub(super) fn rows_of(
    config: &SimConfig,
    plan: &Plan,
    blocks: &[Block],
    random: &mut Rng,
) -> RecordBatch {
    let rows = plan.table.rows_of(blocks);
    if !config.shuffle {
        return plan.filter(rows);
    }
    let mut order: Vec<u64> = Vec::with_capacity(rows.num_rows());
    let mut next = 0;
    for block in blocks {
        let from = order.len();
        let end = next + u64::from(plan.table.row_count(block));
        order.extend(next..end);
        random.shuffle(&mut order[from..]);
        next = end;
    }
    plan.filter(reordered(&rows, order))
}

/// The rows in another order.
pub(super) fn reordered(rows: &RecordBatch, order: Vec<u64>) -> RecordBatch {
    // Taking every row once cannot fail; the order given is as good an answer as another.
    take_record_batch(rows, &UInt64Array::from(order)).unwrap_or_else(|_| rows.clone())
}

/// The rows cut at random places, also inside a block.
pub(super) fn split(config: &SimConfig, rows: &RecordBatch, random: &mut Rng) -> Vec<RecordBatch> {
    let total = rows.num_rows();
    let bytes = rows.get_array_memory_size();
    let fitting = config.batch_bytes_max.saturating_mul(total) / bytes.max(1);
    let most = config.batch_rows_max.min(fitting).max(1);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < total {
        let length = random.usize(1..=most.min(total - at));
        pieces.push(rows.slice(at, length));
        at += length;
    }
    pieces
}

/// Sends the plan's columns of the rows.
pub(super) async fn send(
    plan: &Plan,
    rows: &RecordBatch,
    metadata: Bytes,
    out: &mut Outbox,
) -> Result<(), Closed> {
    match plan.project(rows) {
        Ok(rows) => out.batch(&rows, metadata).await,
        Err(error) => {
            let text = format!("streaming query execution error | Caused by: {error}");
            out.fail(Status::internal(text)).await
        }
    }
}
