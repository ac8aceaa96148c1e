//! Rules of the user's own that the stream's rows break: told once with all that the server says,
//! and over when the remedy is done.

use std::sync::Arc;

use arrow_array::StringArray;
use expect_test::{Expect, expect};
use sink_postgres::{Error, SinkOptions};
use sync_core::chain::InvalidationRange;
use sync_core::{Causes, Checkpoint, Classify, CommitError, Fault, Sink};

use crate::support::*;

/// Commits rows of blocks 0 to 2 with `data` as texts, on top of `before`.
async fn write(
    sink: &mut sink_postgres::PostgresSink,
    before: &Checkpoint,
    invalidated: &[InvalidationRange],
    data: [Option<&str>; 3],
) -> Result<(), CommitError<Error>> {
    let rows = batch(&[0, 1, 2], vec![("data", Arc::new(StringArray::from(data.to_vec())))]);
    let after = advance(before, &[range(0, 2)]);
    commit(sink, invalidated, &[rows], &after).await.map(drop)
}

/// The error as the log tells it.
fn told(error: &Error) -> String {
    format!("{}\n{}\n", Causes(error), error.remedy().unwrap_or_default())
}

/// A table made with `ddl` refuses the rows as `expected`, until what stands after `run: ` is run.
async fn refuses(ddl: &str, data: [Option<&str>; 3], expected: Expect) -> World {
    let world = World::new().await;
    world.session.batch_execute(ddl).await.unwrap();
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan()).await;
    let Err(CommitError::Aborted(error)) = write(&mut sink, &start, &[], data).await else {
        panic!("not refused")
    };
    expected.assert_eq(&told(&error));
    assert_eq!(error.fault(), Fault::Permanent);
    assert!(world.blocks().await.is_empty());
    assert_eq!(sink.checkpoint().await.unwrap(), start);
    let remedy = error.remedy().unwrap();
    let (_, statements) = remedy.rsplit_once(": ").unwrap();
    world.session.batch_execute(statements).await.unwrap();
    ready(&mut sink, &plan()).await;
    write(&mut sink, &start, &[], data).await.unwrap();
    assert_eq!(world.blocks().await, [0, 1, 2]);
    world
}

const TABLE: &str = "CREATE TABLE logs (_block_num bigint NOT NULL, data text";
const SAME: [Option<&str>; 3] = [Some("a"), Some("b"), Some("a")];

#[tokio::test]
async fn a_unique_constraint() {
    refuses(&format!("{TABLE}, CONSTRAINT \"my key\" UNIQUE (data))"), SAME, expect![[r#"
        could not copy the rows: duplicate key value violates unique constraint "my key" (SQLSTATE 23505; schema: public; table: logs; constraint: my key; detail: Key (data)=(a) already exists.; where: COPY logs, line 3)
        the stream has several rows with these values: choose columns that tell every row apart for the key or the unique index, in the options too if it is from there, and run: ALTER TABLE "public"."logs" DROP CONSTRAINT IF EXISTS "my key"; DROP INDEX IF EXISTS "public"."my key";
    "#]])
        .await;
}

#[tokio::test]
async fn a_unique_index() {
    let ddl = format!("{TABLE}); CREATE UNIQUE INDEX one ON logs (lower(data))");
    refuses(&ddl, SAME, expect![[r#"
        could not copy the rows: duplicate key value violates unique constraint "one" (SQLSTATE 23505; schema: public; table: logs; constraint: one; detail: Key (lower(data))=(a) already exists.; where: COPY logs, line 3)
        the stream has several rows with these values: choose columns that tell every row apart for the key or the unique index, in the options too if it is from there, and run: ALTER TABLE "public"."logs" DROP CONSTRAINT IF EXISTS "one"; DROP INDEX IF EXISTS "public"."one";
    "#]]).await;
}

#[tokio::test]
async fn a_constraint_that_is_checked_at_the_end() {
    let ddl = format!("{TABLE}, UNIQUE (data) DEFERRABLE INITIALLY DEFERRED)");
    refuses(&ddl, SAME, expect![[r#"
        could not commit: duplicate key value violates unique constraint "logs_data_key" (SQLSTATE 23505; schema: public; table: logs; constraint: logs_data_key; detail: Key (data)=(a) already exists.)
        the stream has several rows with these values: choose columns that tell every row apart for the key or the unique index, in the options too if it is from there, and run: ALTER TABLE "public"."logs" DROP CONSTRAINT IF EXISTS "logs_data_key"; DROP INDEX IF EXISTS "public"."logs_data_key";
    "#]]).await;
}

#[tokio::test]
async fn a_check() {
    let ddl = format!("{TABLE}, CHECK (length(data) < 2))");
    refuses(&ddl, [None, Some("b"), Some("long")], expect![[r#"
        could not copy the rows: new row for relation "logs" violates check constraint "logs_data_check" (SQLSTATE 23514; schema: public; table: logs; constraint: logs_data_check; detail: Failing row contains (2, long).; where: COPY logs, line 3)
        correct the constraint so that the stream's rows pass, or run: ALTER TABLE "public"."logs" DROP CONSTRAINT "logs_data_check";
    "#]]).await;
}

#[tokio::test]
async fn a_foreign_key() {
    let ddl = format!(
        "CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names VALUES ('a'); \
                       {TABLE} REFERENCES names)"
    );
    refuses(&ddl, SAME, expect![[r#"
        could not copy the rows: insert or update on table "logs" violates foreign key constraint "logs_data_fkey" (SQLSTATE 23503; schema: public; table: logs; constraint: logs_data_fkey; detail: Key (data)=(b) is not present in table "names".)
        a reorg deletes rows, and tables are streamed one by one, so that no foreign key can hold at all times; run: ALTER TABLE "public"."logs" DROP CONSTRAINT "logs_data_fkey";
    "#]]).await;
}

#[tokio::test]
async fn an_exclusion() {
    let ddl = format!("{TABLE}, EXCLUDE USING btree (data WITH =))");
    refuses(&ddl, SAME, expect![[r#"
        could not copy the rows: conflicting key value violates exclusion constraint "logs_data_excl" (SQLSTATE 23P01; schema: public; table: logs; constraint: logs_data_excl; detail: Key (data)=(a) conflicts with existing key (data)=(a).; where: COPY logs, line 3)
        correct the constraint so that the stream's rows pass, or run: ALTER TABLE "public"."logs" DROP CONSTRAINT "logs_data_excl";
    "#]]).await;
}

#[tokio::test]
async fn a_row_that_no_partition_takes() {
    let ddl = format!(
        "{TABLE}) PARTITION BY RANGE (_block_num); \
         CREATE TABLE low PARTITION OF logs FOR VALUES FROM (0) TO (2)"
    );
    let world = refuses(&ddl, SAME, expect![[r#"
        could not copy the rows: no partition of relation "logs" found for row (SQLSTATE 23514; schema: public; table: logs; detail: Partition key of the failing row contains (_block_num) = (2).; where: COPY logs, line 3)
        add a partition that takes the row, or one for all that no other takes: CREATE TABLE "public"."logs_default" PARTITION OF "public"."logs" DEFAULT;
    "#]]).await;
    assert_eq!(world.number("SELECT count(*) FROM low").await, 2);
    assert_eq!(world.number("SELECT count(*) FROM logs_default").await, 1);
}

#[tokio::test]
async fn a_not_null_that_came_later() {
    let world = World::new().await;
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan()).await;
    world.session.batch_execute("ALTER TABLE logs ALTER data SET NOT NULL").await.unwrap();
    let data = [Some("a"), None, Some("c")];
    let Err(CommitError::Aborted(error)) = write(&mut sink, &start, &[], data).await else {
        panic!("not refused")
    };
    assert_eq!(error.fault(), Fault::Permanent);
    expect![[r#"
        could not copy the rows: null value in column "data" of relation "logs" violates not-null constraint (SQLSTATE 23502; schema: public; table: logs; column: data; detail: Failing row contains (1, null).; where: COPY logs, line 2)
        the stream has NULL where the table wants a value: take the column out of the primary key, if it is in it, and run: ALTER TABLE "public"."logs" ALTER COLUMN "data" DROP NOT NULL;
    "#]].assert_eq(&told(&error));
    let remedy = error.remedy().unwrap();
    world.session.batch_execute(remedy.rsplit_once(": ").unwrap().1).await.unwrap();
    write(&mut sink, &start, &[], data).await.unwrap();
}

#[tokio::test]
async fn rows_of_others_that_point_to_rows_of_a_reorg() {
    let world = World::new().await;
    let notes = format!(
        "{TABLE}, UNIQUE (data)); \
         CREATE TABLE notes (about text, CONSTRAINT known FOREIGN KEY (about) REFERENCES logs (data))"
    );
    world.session.batch_execute(&notes).await.unwrap();
    let mut sink = world.sink();
    let before = filled(&mut sink, 2).await;
    world.session.batch_execute("INSERT INTO notes VALUES ('row of 2')").await.unwrap();
    let data = [Some("a"), Some("b"), Some("c")];
    let after = Checkpoint { ledger: Default::default(), ..before.clone() };
    let invalidated = [invalid(0, 2)];
    let Err(CommitError::Aborted(error)) = write(&mut sink, &after, &invalidated, data).await
    else {
        panic!("not refused")
    };
    assert_eq!(error.fault(), Fault::Permanent);
    expect![[r#"
        could not delete the rows of a reorg: update or delete on table "logs" violates foreign key constraint "known" on table "notes" (SQLSTATE 23503; schema: public; table: notes; constraint: known; detail: Key (data)=(row of 2) is still referenced from table "notes".)
        a reorg deletes rows, and tables are streamed one by one, so that no foreign key can hold at all times; run: ALTER TABLE "public"."notes" DROP CONSTRAINT "known";
    "#]].assert_eq(&told(&error));
    assert_eq!(world.blocks().await, [0, 1, 2]);
    let remedy = error.remedy().unwrap();
    world.session.batch_execute(remedy.rsplit_once(": ").unwrap().1).await.unwrap();
    let mut cut = advance(&before, &[range(0, 2)]);
    cut.cut = Some(sync_core::Cut { base: block(0), parent: None });
    let rows = batch(&[0, 1, 2], vec![("data", Arc::new(StringArray::from(data.to_vec())))]);
    commit(&mut sink, &invalidated, &[rows], &cut).await.unwrap();
}

#[tokio::test]
async fn a_published_table_without_a_key_waits_for_its_replica_identity() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 2).await;
    let publish = "CREATE PUBLICATION everything FOR ALL TABLES";
    world.session.batch_execute(publish).await.unwrap();
    let mut after = advance(&before, &[range(2, 2)]);
    after.cut = Some(sync_core::Cut { base: block(2), parent: Some(hash(1)) });
    let refused = commit(&mut sink, &[invalid(2, 2)], &[rows(&[2])], &after).await;
    let Err(CommitError::Aborted(error)) = refused else { panic!("{refused:?}") };
    expect![[r#"
        could not delete the rows of a reorg: cannot delete from table "logs" because it does not have a replica identity and publishes deletes (SQLSTATE 55000; hint: To enable deleting from the table, set REPLICA IDENTITY using ALTER TABLE.)
        if the table is published: ALTER TABLE ... REPLICA IDENTITY FULL, or give it a key
    "#]].assert_eq(&told(&error));
    // It can be mended while ampsync runs.
    assert_eq!(error.fault(), Fault::Transient);
    world.session.batch_execute("ALTER TABLE logs REPLICA IDENTITY FULL").await.unwrap();
    commit(&mut sink, &[invalid(2, 2)], &[rows(&[2])], &after).await.unwrap();
}

#[tokio::test]
async fn rows_that_a_reorg_replaces_may_have_the_same_key() {
    let world = World::new().await;
    let mut options = SinkOptions::default();
    options.table.primary_key = vec!["_block_num".to_owned(), "data".to_owned()];
    let mut sink = world.sink().with_options(options);
    let before = filled(&mut sink, 5).await;
    let mut after = advance(&before, &[range(4, 5)]);
    after.cut = Some(sync_core::Cut { base: block(4), parent: Some(hash(3)) });
    commit(&mut sink, &[invalid(4, 5)], &[rows(&[4, 5])], &after).await.unwrap();
    assert_eq!(world.blocks().await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn the_users_triggers_run() {
    let world = World::new().await;
    let ddl = format!(
        "{TABLE}, seen text); \
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
           $$ BEGIN NEW.seen := upper(NEW.data); RETURN NEW; END $$; \
         CREATE TRIGGER see BEFORE INSERT ON logs FOR EACH ROW EXECUTE FUNCTION see()"
    );
    world.session.batch_execute(&ddl).await.unwrap();
    filled(&mut world.sink(), 0).await;
    let seen = world.texts("SELECT seen FROM logs").await;
    assert_eq!(seen, [[Some("ROW OF 0".to_owned())]]);
}
