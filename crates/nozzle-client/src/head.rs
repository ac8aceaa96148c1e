use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use futures::StreamExt;
use sync_core::chain::{BlockNum, BlockRange};
use tokio::time::timeout;

use crate::client::SqlClient;
use crate::error::{Call, Error};
use crate::stream::ResponseBatch;

/// How long an answer may take: who asks can do without.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Asks where a table ends on the server, beside the streams that follow it.
///
/// The question is a batch query for the highest block number, which servers of all ages answer,
/// restricted to blocks that were not there the last time. Since December 2025 the server also
/// says through which block it has the table, rows or none; before, the answer is the last block
/// with a row.
#[derive(Clone, Debug)]
pub struct HeadProbe {
    client: SqlClient,
    table: String,
    /// The head as of the last answer.
    known: Option<BlockNum>,
}

impl HeadProbe {
    /// A probe of `table`, as a query names it: `"ns/name@1.0.0".blocks`.
    #[must_use]
    pub fn new(client: SqlClient, table: &str) -> Self {
        Self { client, table: table.to_owned(), known: None }
    }

    /// The table, as a query names it.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The last block of the table that the server has; `None` where it has none, or none of
    /// those that it had the last time.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses the query, or does not answer it in ten
    /// seconds.
    ///
    /// # Cancellation
    /// Dropping the future cancels the query.
    pub async fn ask(&mut self) -> Result<Option<BlockNum>, Error> {
        let no_answer = |_| Error::NoAnswer { call: Call::DoGet, limit: ANSWER_MAX };
        let found = timeout(ANSWER_MAX, self.answer()).await.map_err(no_answer)??;
        // After a reorg the chain may be shorter for a while: the next time all of it is asked.
        self.known = found;
        Ok(found)
    }

    async fn answer(&self) -> Result<Option<BlockNum>, Error> {
        let floor = self.known.map(|known| format!(" WHERE _block_num >= {known}"));
        let floor = floor.unwrap_or_default();
        let sql = format!("SELECT max(_block_num) AS head FROM {}{floor}", self.table);
        let mut answer = self.client.batch_query(&sql).await?;
        let mut found = None;
        while let Some(message) = answer.next().await {
            found = found.max(highest(&message?));
        }
        Ok(found)
    }
}

/// The highest block that a message tells of.
fn highest(message: &ResponseBatch) -> Option<BlockNum> {
    let ranges = message.metadata.iter().flat_map(|metadata| &metadata.ranges);
    let synced = ranges.map(BlockRange::end).max();
    let numbers = message.data.columns().first().and_then(|c| c.as_primitive_opt::<UInt64Type>());
    let row = numbers.into_iter().flatten().flatten().max();
    synced.max(row.and_then(|number| BlockNum::try_from(number).ok()))
}
