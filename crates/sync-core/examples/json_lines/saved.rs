//! The first line of the file: what the rows are of, and how far they are.

use std::error::Error;

use serde::{Deserialize, Serialize};
use sync_core::chain::{BlockHash, BlockNum, BlockRange, Cursor, Network};
use sync_core::{Checkpoint, CommitId};

/// A range: network, start, end, hash, parent's hash, time.
type Range = (String, u64, u64, String, Option<String>, Option<u64>);

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) dataset: String,
    pub(crate) query: String,
    version: u64,
    commit: Option<i64>,
    first_block: Option<u64>,
    cursor: Option<(String, u64, String)>,
    provisional: Option<u64>,
    ledger: Vec<Range>,
}

impl Saved {
    pub(crate) fn new(dataset: &str, query: &str, checkpoint: &Checkpoint) -> Self {
        let cursor = |c: &Cursor| (c.network.to_string(), c.number.get(), c.hash.to_string());
        let range = |range: &BlockRange| {
            let (network, hash) = (range.network().to_string(), range.hash().to_string());
            let parent = range.prev_hash().map(|hash| hash.to_string());
            (network, range.start().get(), range.end().get(), hash, parent, range.timestamp())
        };
        Self {
            dataset: dataset.to_owned(),
            query: query.to_owned(),
            version: checkpoint.version,
            commit: checkpoint.commit.map(|commit| commit.0),
            first_block: checkpoint.first_block.map(BlockNum::get),
            cursor: checkpoint.cursor.as_ref().map(cursor),
            provisional: checkpoint.provisional.map(BlockNum::get),
            ledger: checkpoint.ledger.iter().map(range).collect(),
        }
    }

    pub(crate) fn checkpoint(self) -> Result<Checkpoint, Box<dyn Error + Send + Sync>> {
        let mut ledger = Vec::new();
        for (network, start, end, hash, parent, time) in self.ledger {
            let parent = parent.map(|hash| hash.parse::<BlockHash>()).transpose()?;
            let (start, end) = (start.try_into()?, end.try_into()?);
            let range = BlockRange::new(Network::new(&network), start, end, hash.parse()?, parent)?;
            ledger.push(range.with_timestamp(time));
        }
        let cursor = match self.cursor {
            Some((network, number, hash)) => Some(Cursor {
                network: Network::new(&network),
                number: number.try_into()?,
                hash: hash.parse()?,
            }),
            None => None,
        };
        Ok(Checkpoint {
            version: self.version,
            commit: self.commit.map(CommitId),
            first_block: self.first_block.map(BlockNum::try_from).transpose()?,
            cursor,
            provisional: self.provisional.map(BlockNum::try_from).transpose()?,
            ledger: ledger.into_iter().collect(),
        })
    }
}
