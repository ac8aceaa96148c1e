use std::num::NonZeroUsize;

use sync_core::chain::Parent;
use sync_core::{
    Advance, Checkpoint, Classify, CommitError, CommitId, Committed, Cut, Fault, Sink, Txn,
};

use crate::support::*;

#[tokio::test]
async fn rows_and_checkpoint_commit_together() {
    let world = World::new().await;
    let mut sink = world.sink();
    let committed = filled(&mut sink, 9).await;
    assert_eq!(world.blocks().await, (0..=9).collect::<Vec<_>>());
    assert_eq!(sink.checkpoint().await.unwrap(), committed);
    assert_eq!(ready(&mut sink, &plan()).await, committed);
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    let world = World::new().await;
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan()).await;
    let mut txn = sink.begin().await.unwrap();
    txn.append(&rows(&[1, 2])).await.unwrap();
    drop(txn);
    assert!(world.blocks().await.is_empty());
    assert_eq!(sink.checkpoint().await.unwrap(), start);
}

#[tokio::test]
async fn a_writer_whose_checkpoint_was_moved_is_fenced() {
    let world = World::new().await;
    let mut sink = world.sink();
    let committed = filled(&mut sink, 3).await;
    let stale = Checkpoint { version: committed.version - 1, ..committed.clone() };
    let refused = commit(&mut sink, &[invalid(0, 3)], &[rows(&[4])], &advance(&stale, &[])).await;
    assert!(matches!(refused, Err(CommitError::Fenced)), "{refused:?}");
    assert_eq!(world.blocks().await, [0, 1, 2, 3]);
    assert_eq!(sink.checkpoint().await.unwrap(), committed);
}

#[tokio::test]
async fn a_reorg_replaces_rows_of_several_ranges_at_once() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 9).await;
    let mut after = advance(&before, &[range(8, 8)]);
    after.cut = Some(Cut { base: block(8), parent: Some(hash(7)) });
    let invalidated = [invalid(2, 3), invalid(5, 5), invalid(8, 9)];
    let committed = commit(&mut sink, &invalidated, &[rows(&[3, 8])], &after).await.unwrap();
    assert_eq!(committed, Committed { retracted: Some(5) });
    assert_eq!(world.blocks().await, [0, 1, 3, 4, 6, 7, 8]);
    let log = "SELECT base_block::text, end_block::text, rows::text, depth::text, \
               from_block::text FROM ampsync.reorgs";
    let expected = ["2", "9", "5", "8", "9"].map(|text| Some(text.to_owned()));
    assert_eq!(world.texts(log).await, [expected]);
}

#[tokio::test]
async fn a_retraction_is_not_compiled_however_large_the_table_is() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 3).await;
    let note = "CREATE TABLE noted (jit text); \
                CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                INSERT INTO noted VALUES (current_setting('jit')); RETURN NULL; END $$; \
                CREATE TRIGGER note AFTER DELETE ON logs EXECUTE FUNCTION note()";
    world.session.batch_execute(note).await.unwrap();
    let mut after = advance(&before, &[range(3, 3)]);
    after.cut = Some(Cut { base: block(3), parent: Some(hash(2)) });
    commit(&mut sink, &[invalid(3, 3)], &[rows(&[3])], &after).await.unwrap();
    assert_eq!(world.texts("SELECT jit FROM noted").await, [[Some("off".to_owned())]]);
}

#[tokio::test]
async fn the_retraction_may_find_nothing() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 2).await;
    let after = advance(&before, &[]);
    let committed = commit(&mut sink, &[invalid(7, 9)], &[], &after).await.unwrap();
    assert_eq!(committed, Committed { retracted: Some(0) });
}

/// Advances as an engine makes them: ranges on top, now and then a reorg, a prune, a flush ahead.
fn random_advance(random: &mut fastrand::Rng, from: &Checkpoint) -> Advance {
    let top = from.cursor.as_ref().map_or(0, |cursor| cursor.number.get() + 1);
    let mut advance = advance(from, &[]);
    let mut next = top;
    if top > 0 && random.u8(..4) == 0 {
        let base = random.u64(top.saturating_sub(12)..=top);
        let parent = match from.ledger.hash_at(block(base.saturating_sub(1))) {
            Parent::Inside if random.bool() => Some(hash(base.saturating_sub(1))),
            Parent::Known(hash) => Some(hash),
            Parent::Inside | Parent::Gap | Parent::Outside => None,
        };
        advance.cut = Some(Cut { base: block(base), parent });
        next = base;
    }
    for _ in 0..random.usize(..4) {
        let end = next + random.u64(..5);
        let timestamp = random.bool().then_some(end * 12);
        advance.completed.push(range(next, end).with_timestamp(timestamp));
        // Older servers leave gaps.
        next = end + 1 + random.u64(..2);
    }
    if let Some(last) = advance.completed.last() {
        advance.cursor = Some(last.cursor());
    }
    advance.first_block = from.first_block.or(Some(block(top)));
    advance.floor = block(next.saturating_sub(random.u64(5..30)));
    advance.provisional = random.bool().then_some(block(next + 3));
    advance
}

#[tokio::test]
async fn the_stored_checkpoint_is_always_the_advanced_one() {
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new().await;
        let mut sink = world.sink();
        let mut expected = ready(&mut sink, &plan()).await;
        for step in 0..40 {
            let advance = random_advance(&mut random, &expected);
            commit(&mut sink, &[], &[], &advance).await.unwrap();
            expected = expected.advanced(&advance);
            let stored = sink.checkpoint().await.unwrap();
            assert_eq!(stored, expected, "seed {seed}, step {step}: {advance:?}");
        }
    }
}

#[tokio::test]
async fn a_constraint_of_the_user_stops_the_table_and_is_named() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 2).await;
    world.session.batch_execute("ALTER TABLE logs ADD CONSTRAINT one UNIQUE (data)").await.unwrap();
    let refused = commit(&mut sink, &[], &[rows(&[2])], &advance(&before, &[])).await;
    let Err(CommitError::Aborted(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.fault(), Fault::Permanent);
    let source = std::error::Error::source(&error).unwrap().to_string();
    for part in ["constraint: one", "23505", "row of 2", "table: logs"] {
        assert!(source.contains(part), "{part}: {source}");
    }
    assert_eq!(sink.checkpoint().await.unwrap(), before);
}

#[tokio::test]
async fn a_constraint_checked_at_the_commit_aborts_it() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 2).await;
    let deferred = "ALTER TABLE logs ADD UNIQUE (data) DEFERRABLE INITIALLY DEFERRED";
    world.session.batch_execute(deferred).await.unwrap();
    let refused = commit(&mut sink, &[], &[rows(&[2])], &advance(&before, &[])).await;
    assert!(matches!(refused, Err(CommitError::Aborted(_))), "{refused:?}");
    assert_eq!(world.blocks().await, [0, 1, 2]);
    assert_eq!(sink.checkpoint().await.unwrap(), before);
}

#[tokio::test]
async fn a_retry_waits_for_the_attempt_before_it_but_not_for_ever() {
    let lock_timeout = std::time::Duration::from_millis(100);
    let world = World::with(&options().with_lock_timeout(lock_timeout)).await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 2).await;
    // Another session has moved the checkpoint and has not committed yet.
    let hold = "BEGIN; UPDATE ampsync.checkpoints SET version = version + 1";
    world.session.batch_execute(hold).await.unwrap();
    let refused = commit(&mut sink, &[], &[rows(&[3])], &advance(&before, &[])).await;
    let Err(CommitError::Aborted(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.fault(), Fault::Transient);
    world.session.batch_execute("COMMIT").await.unwrap();
    let refused = commit(&mut sink, &[], &[rows(&[3])], &advance(&before, &[])).await;
    assert!(matches!(refused, Err(CommitError::Fenced)), "{refused:?}");
}

#[tokio::test]
async fn connections_never_exceed_the_maximum() {
    let options = options().with_max_connections(NonZeroUsize::new(2).unwrap());
    let world = World::with(&options).await;
    let schema = rows(&[]).schema().as_ref().clone();
    let mut tasks = tokio::task::JoinSet::new();
    for table in 0..8 {
        let mut sink = world.sink();
        let plan = plan_of(&format!("t{table}"), schema.clone());
        tasks.spawn(async move {
            let mut checkpoint = ready(&mut sink, &plan).await;
            for number in 0..5 {
                let advance = advance(&checkpoint, &[range(number, number)]);
                commit(&mut sink, &[], &[rows(&[number])], &advance).await.unwrap();
                checkpoint = checkpoint.advanced(&advance);
            }
        });
    }
    let count = "SELECT count(*) FROM pg_stat_activity \
                 WHERE application_name = 'ampsync' AND datname = current_database()";
    let mut most = 0;
    while !tasks.is_empty() {
        most = most.max(world.number(count).await);
        let told = world.database.connections();
        assert!(told.used + told.idle <= 2 && told.max == 2, "{told:?}");
        while let Some(done) = tasks.try_join_next() {
            done.unwrap();
        }
    }
    assert!((1..=2).contains(&most), "{most}");
    let told = world.database.connections();
    assert_eq!((told.used + told.idle, told.waiting), (2, 0), "{told:?}");
}

#[tokio::test]
async fn an_advance_without_rows_moves_the_checkpoint_alone() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 2).await;
    let mut after = advance(&before, &[range(3, 1_002)]);
    after.commit = CommitId(i64::MIN);
    commit(&mut sink, &[], &[rows(&[])], &after).await.unwrap();
    assert_eq!(sink.checkpoint().await.unwrap(), before.advanced(&after));
    assert_eq!(world.blocks().await, [0, 1, 2]);
}
