//! The loop of a streaming query: wait, decide the next range, send it whole, go on.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use fastrand::Rng;

use super::batch::{reordered, rows_of, send, split};
use super::plan::Plan;
use super::state::State;
use crate::chain::{Block, Cursor, Range, next_range};
use crate::era::EmptyReply;
use crate::fault::Lie;
use crate::flight::{Closed, Outbox, Spoil};

/// Answers a streaming query until the client leaves or a fault ends it.
pub(super) async fn run(
    state: Arc<State>,
    plan: Plan,
    random: Rng,
    cursor: Option<Cursor>,
    out: Outbox,
) {
    let mut streaming = Streaming { state, plan, random, cursor, out };
    // Whoever closed it knows why.
    _ = streaming.run().await;
}

struct Streaming {
    state: Arc<State>,
    plan: Plan,
    random: Rng,
    cursor: Option<Cursor>,
    out: Outbox,
}

/// One range with its blocks, as it is told.
struct Microbatch {
    /// The truth.
    range: Range,
    network: String,
    told: Range,
    rows: RecordBatch,
    lie: Option<Lie>,
}

impl Streaming {
    async fn run(&mut self) -> Result<(), Closed> {
        let mut chain = self.state.chain.subscribe();
        if chain.borrow_and_update().stored().is_empty() {
            return self.empty().await;
        }
        loop {
            self.spring().await?;
            let next = {
                let chain = chain.borrow_and_update();
                let most = self.state.config.microbatch_blocks_max;
                next_range(&chain, self.cursor.as_ref(), most)
                    .map(|range| self.microbatch(&chain, range))
            };
            if let Some(microbatch) = next {
                self.send(&microbatch).await?;
                self.cursor = Some(microbatch.range.cursor());
                continue;
            }
            tokio::select! {
                changed = chain.changed() => changed.map_err(|_| Closed)?,
                () = self.out.closed() => return Err(Closed),
            }
        }
    }

    /// The answer where nothing is stored: not ready yet.
    async fn empty(&mut self) -> Result<(), Closed> {
        self.spring().await?;
        let era = self.state.config.era;
        match era.empty {
            EmptyReply::Nothing => Ok(()),
            EmptyReply::Schema => self.out.schema(&self.plan.schema).await,
            EmptyReply::Batch => {
                self.out.schema(&self.plan.schema).await?;
                let none = self.plan.table.rows_of(&[]);
                send(&self.plan, &none, era.metadata(&[], true), &mut self.out).await
            }
        }
    }

    /// Lets a fault break the stream.
    async fn spring(&mut self) -> Result<(), Closed> {
        if self.out.is_unsnared() {
            let snare = self.state.faults().snare(self.plan.table.name());
            self.out.set_snare(snare).await?;
        }
        Ok(())
    }

    async fn send(&mut self, microbatch: &Microbatch) -> Result<(), Closed> {
        let config = &self.state.config;
        let (plan, out) = (&self.plan, &mut self.out);
        let metadata = |complete| metadata(&self.state, microbatch, complete);
        let none = plan.table.rows_of(&[]);
        let pieces = split(config, &microbatch.rows, &mut self.random);
        if !config.era.completion {
            // A range without rows passes in silence.
            if !pieces.is_empty() {
                out.schema(&plan.schema).await?;
            }
            for piece in &pieces {
                send(plan, piece, metadata(false), out).await?;
            }
            return Ok(());
        }
        out.schema(&plan.schema).await?;
        if config.keep_alives && self.random.bool() {
            send(plan, &none, metadata(false), out).await?;
        }
        match microbatch.lie {
            Some(Lie::TruncatedBody) => out.spoil(Spoil::Truncated),
            Some(Lie::GarbledHeader) => out.spoil(Spoil::GarbledHeader),
            Some(Lie::Oversized) => out.spoil(Spoil::Oversized),
            _ => {}
        }
        for piece in &pieces {
            send(plan, piece, metadata(false), out).await?;
        }
        match microbatch.lie {
            Some(Lie::NoCompletion) => Ok(()),
            Some(Lie::RowsInCompletion) => {
                let rows = &microbatch.rows;
                let last = rows.slice(rows.num_rows().saturating_sub(1), rows.num_rows().min(1));
                send(plan, &last, metadata(true), out).await
            }
            _ => send(plan, &none, metadata(true), out).await,
        }
    }

    fn microbatch(&mut self, chain: &crate::chain::Chain, range: Range) -> Microbatch {
        let mut blocks = chain.blocks(range.start..=range.end).to_vec();
        let lie = self.state.faults().lie(self.plan.table.name(), blocks.len());
        let mut network = chain.network().to_owned();
        let mut told = range;
        match lie {
            Some(Lie::Hash) => told.hash = told.hash.corrupted(),
            Some(Lie::PrevHash) => told.prev_hash = told.prev_hash.corrupted(),
            Some(Lie::OtherDataset) => {
                told.hash = told.hash.corrupted();
                told.prev_hash = told.prev_hash.corrupted();
            }
            Some(Lie::OtherNetwork) => "lies".clone_into(&mut network),
            Some(Lie::Gap) => _ = blocks.remove(0),
            Some(Lie::Overlap) => {
                let below = range.start.checked_sub(1).and_then(|number| chain.block(number));
                blocks.splice(0..0, below.copied());
            }
            _ => {}
        }
        if let (Some(Lie::Gap | Lie::Overlap), [first, .., last] | [first @ last]) =
            (lie, blocks.as_slice())
        {
            told = Range::of(first, last);
        }
        if lie == Some(Lie::RowsAbove) {
            blocks.push(chain.phantom(range.end + 1));
        }
        let rows = self.rows(lie, &blocks);
        Microbatch { range, network, told, rows, lie }
    }

    fn rows(&mut self, lie: Option<Lie>, blocks: &[Block]) -> RecordBatch {
        let rows = rows_of(&self.state.config, &self.plan, blocks, &mut self.random);
        if lie != Some(Lie::Unordered) {
            return rows;
        }
        let count = u64::try_from(rows.num_rows()).unwrap_or(0);
        reordered(&rows, (0..count).rev().collect())
    }
}

fn metadata(state: &State, microbatch: &Microbatch, complete: bool) -> Bytes {
    let one = (microbatch.network.as_str(), microbatch.told);
    match microbatch.lie {
        Some(Lie::NoMetadata) => Bytes::new(),
        Some(Lie::Garbage) => Bytes::from_static(b"{\"ranges\": [{\"numbers\""),
        Some(Lie::TwoNetworks) => {
            state.config.era.metadata(&[one, ("lies", microbatch.told)], complete)
        }
        _ => state.config.era.metadata(&[one], complete),
    }
}
