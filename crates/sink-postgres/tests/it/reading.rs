//! What apps ask the bookkeeping: through which block all tables agree, and to wait for one.

use std::time::Duration;

use ampsync_testkit::postgres::{Session, shared};
use sink_postgres::PostgresSink;
use sync_core::Checkpoint;
use sync_core::chain::{BlockHash, BlockRange, Network};
use tokio_postgres::error::SqlState;

use crate::support::*;

/// A table that is given ranges, of whichever fork.
struct Table {
    sink: PostgresSink,
    checkpoint: Checkpoint,
    network: &'static str,
}

impl Table {
    async fn begin(world: &World, name: &str) -> Self {
        let mut sink = world.sink();
        let checkpoint = ready(&mut sink, &plan_of(name, plan().schema.as_ref().clone())).await;
        Self { sink, checkpoint, network: "mainnet" }
    }

    /// Completes `start..=end`, whose last block is of fork `fork`, and its parent of `parent`.
    async fn completes(&mut self, start: u64, end: u64, (parent, fork): (u8, u8)) {
        let range = BlockRange::new(
            Network::new(self.network),
            block(start),
            block(end),
            of_fork(end, fork),
            start.checked_sub(1).map(|number| of_fork(number, parent)),
        );
        let to = advance(&self.checkpoint, &[range.unwrap()]);
        commit(&mut self.sink, &[], &[], &to).await.unwrap();
        self.checkpoint = self.checkpoint.advanced(&to);
    }

    /// Forgets what ends below `floor`.
    async fn prunes(&mut self, floor: u64) {
        let mut to = advance(&self.checkpoint, &[]);
        to.floor = block(floor);
        commit(&mut self.sink, &[], &[], &to).await.unwrap();
        self.checkpoint = self.checkpoint.advanced(&to);
    }
}

fn of_fork(number: u64, fork: u8) -> BlockHash {
    let mut hash = hash(number);
    hash.0[31] = fork;
    hash
}

async fn two(world: &World) -> (Table, Table) {
    (Table::begin(world, "blocks").await, Table::begin(world, "logs").await)
}

async fn safe(world: &World) -> Option<i64> {
    world.session.query_one("SELECT ampsync.safe_block()", &[]).await.unwrap().get(0)
}

/// The error of a statement: its code, and message and hint together.
async fn refused(session: &Session, statement: &str) -> (SqlState, String) {
    let error = session.simple_query(statement).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    (error.code().clone(), format!("{} {}", error.message(), error.hint().unwrap_or_default()))
}

#[tokio::test]
async fn the_lowest_cursor_is_safe_where_all_tables_know_its_hash() {
    let world = World::new().await;
    let (mut blocks, mut logs) = two(&world).await;
    assert_eq!(safe(&world).await, None);
    blocks.completes(0, 5, (0, 0)).await;
    assert_eq!(safe(&world).await, None, "the other table has nothing yet");
    logs.completes(0, 5, (0, 0)).await;
    assert_eq!(safe(&world).await, Some(5));
    blocks.completes(6, 6, (0, 0)).await;
    blocks.completes(7, 9, (0, 0)).await;
    assert_eq!(safe(&world).await, Some(5));
    logs.completes(6, 6, (0, 0)).await;
    assert_eq!(safe(&world).await, Some(6));
    logs.completes(7, 8, (0, 0)).await;
    assert_eq!(safe(&world).await, Some(6), "nobody can tell whether 8 is of the fork of 9");
    logs.completes(9, 9, (0, 0)).await;
    assert_eq!(safe(&world).await, Some(9));
}

#[tokio::test]
async fn tables_on_two_forks_agree_below_the_fork() {
    let world = World::new().await;
    let (mut blocks, mut logs) = two(&world).await;
    for table in [&mut blocks, &mut logs] {
        table.completes(0, 3, (0, 0)).await;
        table.completes(4, 4, (0, 0)).await;
    }
    blocks.completes(5, 5, (0, 1)).await;
    logs.completes(5, 5, (0, 2)).await;
    assert_eq!(safe(&world).await, Some(4));
    blocks.completes(6, 6, (1, 1)).await;
    assert_eq!(safe(&world).await, Some(4));
    // Both have their own hash for the lowest cursor, in the middle of nobody's range.
    logs.completes(6, 7, (2, 2)).await;
    assert_eq!(safe(&world).await, Some(4));
}

#[tokio::test]
async fn a_fork_that_hides_inside_a_range_is_not_believed_in() {
    let world = World::new().await;
    let (mut blocks, mut logs) = two(&world).await;
    blocks.completes(0, 3, (0, 0)).await;
    blocks.completes(4, 6, (0, 1)).await;
    logs.completes(0, 9, (0, 2)).await;
    // The hash of 6 is known to the one table alone.
    assert_eq!(safe(&world).await, None, "no block is known to both");
    let mut more = Table::begin(&world, "more").await;
    more.completes(0, 3, (0, 0)).await;
    // What `ampsync reset --keep-rows logs` does.
    let forget = "DELETE FROM ampsync.ranges WHERE table_name = 'logs'; \
                  DELETE FROM ampsync.checkpoints WHERE table_name = 'logs'";
    world.session.batch_execute(forget).await.unwrap();
    assert_eq!(safe(&world).await, Some(3), "a table that was forgotten holds nothing back");
}

#[tokio::test]
async fn the_parent_of_a_range_is_a_block_that_is_known() {
    let world = World::new().await;
    let (mut blocks, mut logs) = two(&world).await;
    blocks.completes(0, 4, (0, 0)).await;
    blocks.completes(5, 5, (0, 0)).await;
    blocks.completes(6, 9, (0, 0)).await;
    logs.completes(0, 3, (0, 0)).await;
    // What is recorded of 5 by `logs` is only that it is the parent of 6.
    logs.completes(4, 4, (0, 0)).await;
    logs.completes(6, 8, (0, 0)).await;
    assert_eq!(safe(&world).await, Some(5));
}

#[tokio::test]
async fn what_is_below_both_ledgers_is_settled() {
    let world = World::new().await;
    let (mut blocks, mut logs) = two(&world).await;
    for end in [100, 200, 300] {
        blocks.completes(end - 99 - u64::from(end == 100), end, (0, 0)).await;
    }
    logs.completes(0, 150, (0, 0)).await;
    logs.completes(151, 250, (0, 0)).await;
    assert_eq!(safe(&world).await, None);
    blocks.prunes(101).await;
    assert_eq!(safe(&world).await, None, "the other ledger goes down to the first block");
    logs.prunes(151).await;
    assert_eq!(safe(&world).await, Some(100));
    logs.completes(251, 300, (0, 0)).await;
    assert_eq!(safe(&world).await, Some(300));
}

#[tokio::test]
async fn a_common_block_is_found_however_deep() {
    let world = World::new().await;
    let (mut blocks, mut logs) = two(&world).await;
    for table in [&mut blocks, &mut logs] {
        table.completes(0, 9, (0, 0)).await;
    }
    blocks.completes(10, 5000, (0, 1)).await;
    logs.completes(10, 4000, (0, 2)).await;
    assert_eq!(safe(&world).await, Some(9));
}

#[tokio::test]
async fn networks_are_told_apart_and_have_to_be_named() {
    let world = World::new().await;
    let (mut blocks, mut logs) = two(&world).await;
    blocks.completes(0, 5, (0, 0)).await;
    let base = "SELECT ampsync.safe_block('base')";
    let base: Option<i64> = world.session.query_one(base, &[]).await.unwrap().get(0);
    assert_eq!(base, None, "logs has nothing yet, and may be of any network");
    logs.network = "it's";
    logs.completes(0, 7, (0, 0)).await;
    let (code, text) = refused(&world.session, "SELECT ampsync.safe_block()").await;
    assert_eq!(code, SqlState::INVALID_PARAMETER_VALUE);
    assert!(text.contains("it's, mainnet") && text.contains("safe_block('it''s')"), "{text}");
    let (_, text) = refused(&world.session, "SELECT ampsync.safe_block('main')").await;
    assert!(text.contains("network 'main'") && text.contains("it's, mainnet"), "{text}");
    let number = |network| format!("SELECT ampsync.safe_block('{network}')");
    assert_eq!(world.number(&number("mainnet")).await, 5);
    assert_eq!(world.number(&number("it''s")).await, 7);
}

#[tokio::test]
async fn a_block_is_waited_for_until_it_is_committed() {
    let world = World::new().await;
    let (mut blocks, _logs) = two(&world).await;
    blocks.completes(0, 5, (0, 0)).await;
    let reader = shared().await.connect(&world.name).await.unwrap();
    let wait = "SELECT ampsync.wait_for_block('blocks', 6, '10 minutes')";
    // Also in a transaction that has a snapshot already.
    reader.batch_execute("BEGIN; SELECT count(*) FROM blocks").await.unwrap();
    let mut waiting = Box::pin(reader.query_one(wait, &[]));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
    assert!(early.is_err(), "the block is not there yet");
    blocks.completes(6, 6, (0, 0)).await;
    assert!(waiting.await.unwrap().get::<_, bool>(0));
    let cursor = "SELECT cursor_block FROM ampsync.checkpoints WHERE table_name = 'blocks'";
    assert_eq!(reader.query_one(cursor, &[]).await.unwrap().get::<_, i64>(0), 6);
}

#[tokio::test]
async fn waiting_ends_with_its_time() {
    let world = World::new().await;
    let (mut blocks, _logs) = two(&world).await;
    blocks.completes(0, 5, (0, 0)).await;
    for (call, reached) in [
        ("'blocks', 5, '0'", true),
        ("'public.blocks', 5, '-1 hour'", true),
        ("'blocks', 6, '0'", false),
        ("'blocks', 6, '30 milliseconds'", false),
        ("'logs', 0, '30 milliseconds'", false),
    ] {
        let wait = format!("SELECT ampsync.wait_for_block({call})");
        let row = world.session.query_one(&wait, &[]).await.unwrap();
        assert_eq!(row.get::<_, bool>(0), reached, "{call}");
    }
}

#[tokio::test]
async fn waiting_that_cannot_work_is_refused_with_what_to_do() {
    let world = World::new().await;
    let (_blocks, _logs) = two(&world).await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let wait = format!(
            "BEGIN ISOLATION LEVEL {level}; SELECT ampsync.wait_for_block('logs', 1, '1 hour')"
        );
        let (code, text) = refused(&world.session, &wait).await;
        assert_eq!(code, SqlState::INVALID_TRANSACTION_STATE);
        assert!(text.contains(level) && text.contains("before that transaction begins"), "{text}");
        world.session.batch_execute("ROLLBACK").await.unwrap();
    }
    let (code, text) =
        refused(&world.session, "SELECT ampsync.wait_for_block('ampsync.meta', 1, '0')").await;
    assert_eq!(code, SqlState::UNDEFINED_TABLE);
    assert!(text.contains("ampsync.meta") && text.contains("ampsync.checkpoints"), "{text}");
    for call in ["NULL, 1, '0'", "'logs', NULL, '0'", "'logs', 1, NULL"] {
        let wait = format!("SELECT ampsync.wait_for_block({call})");
        let (code, text) = refused(&world.session, &wait).await;
        assert_eq!(code, SqlState::NULL_VALUE_NOT_ALLOWED, "{call}: {text}");
    }
}

/// Takes back what the versions after `version` have added.
async fn downgrade(world: &World, version: i32) {
    let columns = "ALTER TABLE ampsync.checkpoints DROP COLUMN kind, DROP COLUMN of_table, \
                   DROP COLUMN replaced_at, DROP COLUMN block_column";
    // What version 2 brought counted all tables.
    let functions = match version {
        1 => "DROP FUNCTION ampsync.safe_block, ampsync.wait_for_block",
        _ => {
            "CREATE OR REPLACE FUNCTION ampsync.safe_block(network text DEFAULT NULL) RETURNS bigint \
             LANGUAGE sql AS 'SELECT -1::bigint'"
        }
    };
    let downgrade = format!("{columns}; {functions}; UPDATE ampsync.meta SET version = {version}");
    world.session.batch_execute(&downgrade).await.unwrap();
}

#[tokio::test]
async fn bookkeeping_of_each_release_before_gains_what_it_lacks() {
    for version in [1, 2] {
        let world = World::new().await;
        let before = filled(&mut world.sink(), 3).await;
        downgrade(&world, version).await;
        let mut sink = sink(&world.other_process().await);
        assert!(sink.rehearse(&plan(), true).await.unwrap().bookkeeping);
        assert_eq!(ready(&mut sink, &plan()).await, before);
        assert_eq!(safe(&world).await, Some(3), "from version {version}");
        assert_eq!(world.number("SELECT version::bigint FROM ampsync.meta").await, 3);
        let kinds = world.texts("SELECT kind FROM ampsync.checkpoints").await;
        assert_eq!(kinds, [[Some("current".to_owned())]]);
    }
}

#[tokio::test]
async fn a_role_that_owns_nothing_writes_with_bookkeeping_of_the_release_before() {
    let world = World::new().await;
    let before = filled(&mut world.sink(), 3).await;
    downgrade(&world, 1).await;
    let role = format!("role_{}", world.name);
    let grant = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret'; \
         GRANT USAGE ON SCHEMA ampsync TO {role}; \
         GRANT SELECT, INSERT, DELETE ON logs TO {role}; \
         GRANT SELECT ON ampsync.meta TO {role}; \
         GRANT SELECT, INSERT, UPDATE ON ampsync.checkpoints TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ampsync.ranges TO {role}; \
         GRANT INSERT ON ampsync.reorgs TO {role}"
    );
    world.session.batch_execute(&grant).await.unwrap();
    let mut config = shared().await.config(&world.name);
    config.user(&role).password("secret");
    let database = sink_postgres::Database::connect(config, &options()).unwrap();
    let mut writer = sink(&database);
    assert!(!writer.rehearse(&plan(), true).await.unwrap().bookkeeping);
    assert_eq!(ready(&mut writer, &plan()).await, before);
    let to = advance(&before, &[range(4, 4)]);
    commit(&mut writer, &[], &[rows(&[4])], &to).await.unwrap();
    assert_eq!(world.blocks().await, [0, 1, 2, 3, 4]);
    assert_eq!(world.number("SELECT version::bigint FROM ampsync.meta").await, 1);
    // Whoever owns the bookkeeping brings it up to date, with any table, and nobody is disturbed.
    let other = plan_of("other", plan().schema.as_ref().clone());
    ready(&mut sink(&world.other_process().await), &other).await;
    let to = advance(&before.advanced(&to), &[range(5, 5)]);
    commit(&mut writer, &[], &[rows(&[5])], &to).await.unwrap();
    assert_eq!(world.number("SELECT version::bigint FROM ampsync.meta").await, 3);
}
