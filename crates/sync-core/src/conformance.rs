//! The contracts that every sink keeps, as tests: implement [`Harness`] for yours and call
//! [`sink_conformance!`](crate::sink_conformance) in a test crate.

#![expect(clippy::expect_used, reason = "a contract that is broken fails by panicking")]

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};

use crate::chain::{BlockHash, BlockNum, BlockRange, Cursor, InvalidationRange, Network};
use crate::checkpoint::{Advance, Checkpoint, CommitId, Cut};
use crate::fault::{Classify, Fault};
use crate::ports::{CommitError, Committed, Readiness, Sink, TablePlan, Txn};

/// A fresh table of a sink under test, with the columns of [`plan`].
pub trait Harness {
    /// The sink under test.
    type Sink: Sink;

    /// Another sink for the same table, as another process would have.
    fn sink(&self) -> impl Future<Output = Self::Sink>;

    /// The table's rows as a reader sees them, in any order: block and value.
    fn rows(&self) -> impl Future<Output = Vec<(u64, u64)>>;
}

/// The plan of the table under test: `_block_num` and `value`, both `UInt64`.
#[must_use]
pub fn plan() -> TablePlan {
    let field = |name| Field::new(name, DataType::UInt64, false);
    TablePlan {
        table: "conformance".to_owned(),
        dataset: "_/conformance@1.0.0".to_owned(),
        query: "SELECT * FROM conformance".to_owned(),
        block_column: "_block_num".to_owned(),
        schema: Arc::new(Schema::new(vec![field("_block_num"), field("value")])),
    }
}

fn batch(rows: &[(u64, u64)]) -> RecordBatch {
    let column = |value: fn(&(u64, u64)) -> u64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(value(row))).collect::<UInt64Array>())
    };
    RecordBatch::try_new(plan().schema, vec![column(|row| row.0), column(|row| row.1)])
        .expect("the columns are those of the plan")
}

fn num(number: u64) -> BlockNum {
    BlockNum::try_from(number).expect("a small number")
}

fn network() -> Network {
    Network::new("testnet")
}

fn hash(number: u64) -> BlockHash {
    let mut bytes = [7; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    BlockHash(bytes)
}

fn range(start: u64, end: u64) -> BlockRange {
    let parent = start.checked_sub(1).map(hash);
    BlockRange::new(network(), num(start), num(end), hash(end), parent)
        .expect("the end is not below the start")
        .with_timestamp(Some(1_700_000_000 + end))
}

fn gone(start: u64, end: u64) -> InvalidationRange {
    InvalidationRange { network: network(), start: num(start), end: num(end) }
}

fn cursor(number: u64) -> Cursor {
    Cursor { network: network(), number: num(number), hash: hash(number) }
}

/// Completes `range` on top of `stored`.
fn completes(stored: &Checkpoint, range: BlockRange) -> Advance {
    Advance {
        from: stored.version,
        commit: CommitId::random(),
        cut: None,
        floor: BlockNum::ZERO,
        first_block: stored.first_block.or(Some(range.start())),
        cursor: Some(range.cursor()),
        provisional: None,
        completed: vec![range],
    }
}

/// A prepared sink and the checkpoint it begins with.
async fn ready<H: Harness>(harness: &H) -> (H::Sink, Checkpoint) {
    let mut sink = harness.sink().await;
    let stored = prepared(&mut sink).await;
    (sink, stored)
}

async fn prepared<S: Sink>(sink: &mut S) -> Checkpoint {
    match sink.prepare(&plan()).await.expect("the sink prepares the table") {
        Readiness::Ready(checkpoint) => checkpoint,
        Readiness::Standby => panic!("nobody else writes the table"),
    }
}

/// Commits, and returns the checkpoint after it, which the sink must have stored.
async fn commit<S: Sink>(
    sink: &mut S,
    stored: &Checkpoint,
    retract: &[InvalidationRange],
    batches: &[RecordBatch],
    advance: Advance,
) -> (Checkpoint, Committed) {
    let committed =
        try_commit(sink, retract, batches, &advance).await.expect("the commit succeeds");
    let after = stored.advanced(&advance);
    assert_eq!(sink.checkpoint().await.expect("the checkpoint is readable"), after);
    (after, committed)
}

async fn try_commit<S: Sink>(
    sink: &mut S,
    retract: &[InvalidationRange],
    batches: &[RecordBatch],
    advance: &Advance,
) -> Result<Committed, CommitError<S::Error>> {
    let mut txn = sink.begin().await.map_err(CommitError::Aborted)?;
    if !retract.is_empty() {
        txn.retract(retract).await.map_err(CommitError::Aborted)?;
    }
    for batch in batches {
        txn.append(batch).await.map_err(CommitError::Aborted)?;
    }
    txn.commit(advance).await
}

async fn assert_rows<H: Harness>(harness: &H, expected: &[(u64, u64)]) {
    let mut rows = harness.rows().await;
    rows.sort_unstable();
    assert_eq!(rows, expected);
}

fn assert_permanent<T: Debug, E: Classify>(result: Result<T, E>) {
    match result {
        Ok(value) => panic!("must be refused, and was {value:?}"),
        Err(error) => assert_eq!(error.fault(), Fault::Permanent, "{error}"),
    }
}

/// A table that never was written has neither cursor nor rows.
pub async fn a_new_table_starts_without_a_cursor<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    assert_eq!((stored.cursor, stored.provisional, stored.first_block), (None, None, None));
    assert!(stored.ledger.is_empty());
    assert_eq!(sink.checkpoint().await.expect("readable").cursor, None);
    assert_rows(&harness, &[]).await;
}

/// Nothing is visible before the commit, everything after it.
pub async fn rows_and_checkpoint_become_visible_together<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(0, 1));
    let mut txn = sink.begin().await.expect("a transaction begins");
    txn.append(&batch(&[(0, 1), (1, 2)])).await.expect("rows are taken");
    assert_rows(&harness, &[]).await;
    txn.commit(&advance).await.expect("the commit succeeds");
    assert_rows(&harness, &[(0, 1), (1, 2)]).await;
    let read = sink.checkpoint().await.expect("readable");
    assert_eq!(read, stored.advanced(&advance));
}

/// A transaction that is dropped never was.
pub async fn a_dropped_transaction_leaves_nothing<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(0, 0));
    let (stored, _) = commit(&mut sink, &stored, &[], &[batch(&[(0, 1)])], advance).await;
    let mut txn = sink.begin().await.expect("a transaction begins");
    txn.retract(&[gone(0, 0)]).await.expect("a retraction is taken");
    txn.append(&batch(&[(1, 2)])).await.expect("rows are taken");
    drop(txn);
    assert_rows(&harness, &[(0, 1)]).await;
    assert_eq!(sink.checkpoint().await.expect("readable"), stored);
}

/// A range without rows moves the checkpoint all the same.
pub async fn a_commit_without_rows_moves_the_checkpoint<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(0, 9));
    let (stored, _) = commit(&mut sink, &stored, &[], &[], advance).await;
    assert_eq!(stored.cursor, Some(cursor(9)));
    assert_rows(&harness, &[]).await;
}

/// One transaction carries several batches and completes several ranges.
pub async fn a_commit_carries_several_batches_and_ranges<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let mut advance = completes(&stored, range(0, 1));
    advance.completed.push(range(2, 2));
    advance.cursor = Some(cursor(2));
    let batches = [batch(&[(0, 1)]), batch(&[(1, 2), (1, 2)]), batch(&[]), batch(&[(2, u64::MAX)])];
    commit(&mut sink, &stored, &[], &batches, advance).await;
    assert_rows(&harness, &[(0, 1), (1, 2), (1, 2), (2, u64::MAX)]).await;
}

/// The checkpoint moves by compare-and-swap; who loses writes nothing.
pub async fn a_commit_from_another_version_is_fenced<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let first = completes(&stored, range(0, 0));
    let (after, _) = commit(&mut sink, &stored, &[], &[batch(&[(0, 1)])], first).await;
    let late = completes(&stored, range(0, 0));
    let rows = [batch(&[(0, 2)])];
    let fenced = try_commit(&mut sink, &[gone(0, 0)], &rows, &late).await;
    assert!(matches!(fenced, Err(CommitError::Fenced)), "{fenced:?}");
    let early = Advance { from: after.version + 1, ..completes(&after, range(1, 1)) };
    let fenced = try_commit(&mut sink, &[], &rows, &early).await;
    assert!(matches!(fenced, Err(CommitError::Fenced)), "{fenced:?}");
    assert_rows(&harness, &[(0, 1)]).await;
    assert_eq!(sink.checkpoint().await.expect("readable"), after);
}

/// A commit whose answer was lost is recognised by its name, and not done again.
pub async fn a_commit_is_done_once_and_known_by_its_name<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(0, 0));
    let rows = [batch(&[(0, 1)])];
    commit(&mut sink, &stored, &[], &rows, advance.clone()).await;
    let again = try_commit(&mut sink, &[], &rows, &advance).await;
    assert!(matches!(again, Err(CommitError::Fenced)), "{again:?}");
    let read = sink.checkpoint().await.expect("readable");
    assert_eq!((read.version, read.commit), (advance.version(), Some(advance.commit)));
    assert_rows(&harness, &[(0, 1)]).await;
}

/// Rows committed ahead of their range's end go at the next start.
pub async fn provisional_rows_are_deleted_at_the_next_start<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(0, 0));
    let (stored, _) = commit(&mut sink, &stored, &[], &[batch(&[(0, 1)])], advance).await;
    let ahead = Advance {
        completed: vec![],
        cursor: stored.cursor.clone(),
        provisional: Some(num(3)),
        ..completes(&stored, range(1, 9))
    };
    let rows = [batch(&[(1, 2), (3, 4)])];
    let (stored, _) = commit(&mut sink, &stored, &[], &rows, ahead).await;
    assert_rows(&harness, &[(0, 1), (1, 2), (3, 4)]).await;
    let again = prepared(&mut sink).await;
    assert_rows(&harness, &[(0, 1)]).await;
    assert_eq!((again.provisional, &again.cursor), (None, &stored.cursor));
    assert!(again.version > stored.version, "a writer from before must be fenced");
    let late = completes(&stored, range(1, 9));
    let fenced = try_commit(&mut sink, &[], &[], &late).await;
    assert!(matches!(fenced, Err(CommitError::Fenced)), "{fenced:?}");
}

/// Without a cursor all rows are provisional.
pub async fn provisional_rows_of_the_first_range_are_deleted_too<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let ahead = Advance {
        completed: vec![],
        cursor: None,
        provisional: Some(num(1)),
        ..completes(&stored, range(0, 9))
    };
    commit(&mut sink, &stored, &[], &[batch(&[(0, 1), (1, 2)])], ahead).await;
    drop(sink);
    let (_sink, again) = ready(&harness).await;
    assert_eq!((again.cursor, again.provisional), (None, None));
    assert_rows(&harness, &[]).await;
}

/// A retraction deletes the blocks it names, both ends included, and no others.
pub async fn a_retraction_deletes_exactly_its_blocks<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let rows: Vec<_> = (0..10).map(|block| (block, block * 10)).collect();
    let advance = completes(&stored, range(0, 9));
    let (stored, _) = commit(&mut sink, &stored, &[], &[batch(&rows)], advance).await;
    let advance = completes(&stored, range(10, 10));
    let ranges = [gone(2, 3), gone(8, 8)];
    let (_, committed) = commit(&mut sink, &stored, &ranges, &[], advance).await;
    assert_eq!(committed.retracted, Some(3));
    let left: Vec<_> = rows.into_iter().filter(|row| ![2, 3, 8].contains(&row.0)).collect();
    assert_rows(&harness, &left).await;
}

/// A reorg deletes, replaces, and cuts the ledger, all at once.
pub async fn a_reorg_replaces_rows_and_cuts_the_ledger<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let rows = [batch(&[(0, 1), (4, 5), (5, 6), (7, 8)])];
    let mut advance = completes(&stored, range(0, 3));
    advance.completed.push(range(4, 7));
    advance.cursor = Some(cursor(7));
    let (stored, _) = commit(&mut sink, &stored, &[], &rows, advance).await;
    let parent = Some(BlockHash([4; 32]));
    let reorg =
        Advance { cut: Some(Cut { base: num(5), parent }), ..completes(&stored, range(5, 8)) };
    let rows = [batch(&[(5, 60), (8, 90)])];
    let (stored, committed) = commit(&mut sink, &stored, &[gone(5, 7)], &rows, reorg).await;
    assert_eq!(committed.retracted, Some(2));
    let ledger: Vec<_> = stored.ledger.iter().map(|r| (r.start().get(), r.end().get())).collect();
    assert_eq!(ledger, [(0, 3), (4, 4), (5, 8)]);
    assert_rows(&harness, &[(0, 1), (4, 5), (5, 60), (8, 90)]).await;
    assert_eq!(prepared(&mut sink).await, stored);
}

/// A reorg of everything leaves nothing of the old chain.
pub async fn a_reorg_of_the_whole_chain_starts_anew<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(5, 7));
    let (stored, _) = commit(&mut sink, &stored, &[], &[batch(&[(5, 1), (7, 2)])], advance).await;
    let anew = Advance {
        cut: Some(Cut { base: num(5), parent: None }),
        completed: vec![],
        cursor: None,
        first_block: Some(num(5)),
        provisional: Some(num(5)),
        ..completes(&stored, range(5, 9))
    };
    let rows = [batch(&[(5, 10)])];
    let (stored, _) = commit(&mut sink, &stored, &[gone(5, 7)], &rows, anew).await;
    assert!(stored.ledger.is_empty());
    assert_rows(&harness, &[(5, 10)]).await;
}

/// The ledger forgets what lies below the floor.
pub async fn the_ledger_is_pruned_below_the_floor<H: Harness>(harness: H) {
    let (mut sink, mut stored) = ready(&harness).await;
    for block in 0..12 {
        let floor = num(block).saturating_sub(4);
        let advance = Advance { floor, ..completes(&stored, range(block, block)) };
        (stored, _) = commit(&mut sink, &stored, &[], &[], advance).await;
    }
    assert_eq!(stored.ledger.len(), 5);
    assert_eq!(prepared(&mut sink).await, stored);
}

/// A process that starts again finds everything as it was.
pub async fn another_start_finds_rows_and_checkpoint_again<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(3, 4));
    let (stored, _) = commit(&mut sink, &stored, &[], &[batch(&[(3, 1), (4, 2)])], advance).await;
    drop(sink);
    let (_sink, again) = ready(&harness).await;
    assert_eq!(again, stored);
    assert_rows(&harness, &[(3, 1), (4, 2)]).await;
}

/// Preparing again and again changes nothing.
pub async fn preparing_again_changes_nothing<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(0, 0));
    let (stored, _) = commit(&mut sink, &stored, &[], &[batch(&[(0, 1)])], advance).await;
    for _ in 0..3 {
        assert_eq!(prepared(&mut sink).await, stored);
    }
    assert_rows(&harness, &[(0, 1)]).await;
}

/// Of two instances one writes; the other stands by until the first is gone.
pub async fn a_second_instance_stands_by_and_takes_over<H: Harness>(harness: H) {
    let (mut first, stored) = ready(&harness).await;
    let mut second = harness.sink().await;
    let readiness = second.prepare(&plan()).await.expect("a standby is no error");
    assert_eq!(readiness, Readiness::Standby);
    let advance = completes(&stored, range(0, 0));
    let (stored, _) = commit(&mut first, &stored, &[], &[batch(&[(0, 1)])], advance).await;
    drop(first);
    // Letting go of the table may take the sink a moment.
    let taken = loop {
        match second.prepare(&plan()).await.expect("the second takes over") {
            Readiness::Ready(checkpoint) => break checkpoint,
            Readiness::Standby => tokio::task::yield_now().await,
        }
    };
    assert_eq!(taken, stored);
}

/// Rows of two queries, or of two datasets, never mix in one table.
pub async fn a_table_of_something_else_is_refused<H: Harness>(harness: H) {
    let (mut sink, stored) = ready(&harness).await;
    let advance = completes(&stored, range(0, 0));
    commit(&mut sink, &stored, &[], &[batch(&[(0, 1)])], advance).await;
    let query = "SELECT * FROM conformance WHERE value > 1".to_owned();
    assert_permanent(sink.prepare(&TablePlan { query, ..plan() }).await);
    let dataset = "_/conformance@2.0.0".to_owned();
    assert_permanent(sink.prepare(&TablePlan { dataset, ..plan() }).await);
    assert_rows(&harness, &[(0, 1)]).await;
}

/// Makes a test of every contract, for the harness that an expression makes.
///
/// The expression is awaited in an async block, once a test: `sink_conformance!(fresh_table())`
/// with `async fn fresh_table() -> MyHarness`. The test crate needs tokio with its macros.
#[macro_export]
macro_rules! sink_conformance {
    ($harness:expr) => {
        $crate::sink_conformance!($harness;
            a_new_table_starts_without_a_cursor
            rows_and_checkpoint_become_visible_together
            a_dropped_transaction_leaves_nothing
            a_commit_without_rows_moves_the_checkpoint
            a_commit_carries_several_batches_and_ranges
            a_commit_from_another_version_is_fenced
            a_commit_is_done_once_and_known_by_its_name
            provisional_rows_are_deleted_at_the_next_start
            provisional_rows_of_the_first_range_are_deleted_too
            a_retraction_deletes_exactly_its_blocks
            a_reorg_replaces_rows_and_cuts_the_ledger
            a_reorg_of_the_whole_chain_starts_anew
            the_ledger_is_pruned_below_the_floor
            another_start_finds_rows_and_checkpoint_again
            preparing_again_changes_nothing
            a_second_instance_stands_by_and_takes_over
            a_table_of_something_else_is_refused
        );
    };
    ($harness:expr; $($contract:ident)*) => {
        $(
            #[tokio::test]
            async fn $contract() {
                $crate::conformance::$contract($harness.await).await;
            }
        )*
    };
}
