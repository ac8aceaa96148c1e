//! Tables that change: what is asked of them later, what the stream gains and loses.

use std::sync::Arc;

use ampsync_schema::{
    ColumnOptions, ExistingTable, Ident, IndexMethod, IndexOptions, QualifiedName,
};
use arrow_array::{ArrayRef, Int32Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use expect_test::expect;
use sink_postgres::{Error, PostgresSink, SinkOptions};
use sync_core::{Classify, Fault, Sink};

use crate::support::*;

fn name(schema: &str, name: &str) -> QualifiedName {
    QualifiedName { schema: Ident::new(schema).unwrap(), name: Ident::new(name).unwrap() }
}

fn index(columns: &[&str], unique: bool, method: IndexMethod) -> IndexOptions {
    let mut index = IndexOptions::default();
    index.columns = columns.iter().map(|&column| column.to_owned()).collect();
    (index.unique, index.method) = (unique, method);
    index
}

fn options() -> SinkOptions {
    let mut options = SinkOptions::default();
    options.table.primary_key = vec!["_block_num".to_owned(), "data".to_owned()];
    options.table.indexes = vec![index(&["data"], false, IndexMethod::Hash)];
    options.table.comment = Some("What's \"logged\" \\ here".to_owned());
    let mut column = ColumnOptions::default();
    column.comment = Some("äöü".to_owned());
    options.table.columns.insert("data".to_owned(), column);
    options
}

fn sink_with(world: &World, options: SinkOptions) -> PostgresSink {
    world.sink().with_options(options)
}

async fn existing(world: &World) -> ExistingTable {
    world.database.existing(&name("public", "logs")).await.unwrap().unwrap()
}

async fn refused(sink: &mut PostgresSink, plan: &sync_core::TablePlan) -> Error {
    let error = sink.prepare(plan).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent, "{error}");
    error
}

/// Runs what stands in the error's remedy after `before` and up to `after`.
async fn run_remedy(world: &World, error: &Error, before: &str, after: &str) {
    let remedy = error.remedy().unwrap();
    let (_, rest) = remedy.split_once(before).unwrap_or_else(|| panic!("{remedy}"));
    let (statements, _) = rest.split_once(after).unwrap_or_else(|| panic!("{remedy}"));
    world.session.batch_execute(statements).await.unwrap();
}

#[tokio::test]
async fn what_is_asked_later_is_added_and_what_is_asked_no_more_is_left() {
    let world = World::new().await;
    let before = filled(&mut world.sink(), 3).await;
    let mut options = options();
    options.table.primary_key = vec!["_block_num".to_owned()];
    assert_eq!(ready(&mut sink_with(&world, options), &plan()).await, before);
    let with = existing(&world).await;
    assert_eq!(with.primary_key, ["_block_num"]);
    assert_eq!(with.indexes.len(), 2);
    assert_eq!(ready(&mut world.sink(), &plan()).await, before);
    assert_eq!(existing(&world).await, with);
    assert_eq!(with.comment.as_deref(), Some("What's \"logged\" \\ here"));
}

#[tokio::test]
async fn a_key_that_is_asked_no_more_is_in_the_way_only_of_nulls() {
    let world = World::new().await;
    let before = filled(&mut sink_with(&world, options()), 3).await;
    let mut sink = world.sink();
    let error = refused(&mut sink, &plan()).await;
    expect![[r#"
        table "public"."logs" cannot hold the stream: column "data" should be text NULL and is text NOT NULL, being in the primary key
        run: ALTER TABLE "public"."logs" DROP CONSTRAINT "logs_pkey"; ALTER TABLE "public"."logs" ALTER COLUMN "data" DROP NOT NULL; or start it anew while ampsync is stopped: ampsync reset --drop public.logs, which is in SQL: DROP TABLE IF EXISTS "public"."logs"; DELETE FROM ampsync.ranges WHERE table_schema = E'public' AND table_name = E'logs'; DELETE FROM ampsync.checkpoints WHERE table_schema = E'public' AND table_name = E'logs';
    "#]].assert_eq(&told(&error));
    run_remedy(&world, &error, "run: ", " or start").await;
    assert_eq!(ready(&mut sink, &plan()).await, before);
}

#[tokio::test]
async fn a_key_that_rows_share_is_refused_and_they_are_left_alone() {
    let world = World::new().await;
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan()).await;
    let twice = batch(&[1, 2], vec![("data", Arc::new(StringArray::from(vec!["same"; 2])))]);
    commit(&mut sink, &[], &[twice], &advance(&start, &[range(0, 2)])).await.unwrap();
    drop(sink);
    let mut options = SinkOptions::default();
    options.table.indexes = vec![index(&["data"], true, IndexMethod::BTree)];
    let error = refused(&mut sink_with(&world, options.clone()), &plan()).await;
    expect![[r#"
        table "public"."logs" cannot be changed: CREATE UNIQUE INDEX "logs_data_idx" ON "public"."logs" USING btree ("data"): could not create unique index "logs_data_idx" (SQLSTATE 23505; schema: public; table: logs; constraint: logs_data_idx; detail: Key (data)=(same) is duplicated.)
        rows that are there have the same values in these columns: choose others for the key or the unique index in the options, or take it out of them
    "#]].assert_eq(&told(&error));
    options.table.indexes.clear();
    options.table.primary_key = vec!["data".to_owned()];
    let error = refused(&mut sink_with(&world, options), &plan()).await;
    expect![[r#"
        table "public"."logs" cannot be changed: ALTER TABLE "public"."logs" ADD CONSTRAINT "logs_pkey" PRIMARY KEY ("data"): could not create unique index "logs_pkey" (SQLSTATE 23505; schema: public; table: logs; constraint: logs_pkey; detail: Key (data)=(same) is duplicated.)
        rows that are there have the same values in these columns: choose others for the key or the unique index in the options, or take it out of them
    "#]].assert_eq(&told(&error));
    assert_eq!(world.blocks().await, [1, 2]);
    // Without the key it goes on.
    ready(&mut world.sink(), &plan()).await;
}

#[tokio::test]
async fn a_name_that_something_else_has_is_told_and_not_tried_for_ever() {
    let world = World::new().await;
    world.session.batch_execute("CREATE TABLE logs_data_idx (x int)").await.unwrap();
    let mut options = SinkOptions::default();
    options.table.indexes = vec![index(&["data"], false, IndexMethod::BTree)];
    let mut sink = sink_with(&world, options);
    let error = refused(&mut sink, &plan()).await;
    expect![[r#"
        table "public"."logs" cannot be changed: CREATE INDEX "logs_data_idx" ON "public"."logs" USING btree ("data"): relation "logs_data_idx" already exists (SQLSTATE 42P07)
        something else has the name: rename that
    "#]].assert_eq(&told(&error));
    // The whole preparation is undone.
    assert_eq!(world.database.existing(&name("public", "logs")).await.unwrap(), None);
    world.session.batch_execute("ALTER TABLE logs_data_idx RENAME TO other").await.unwrap();
    ready(&mut sink, &plan()).await;
}

#[tokio::test]
async fn a_table_that_is_changed_back_is_told_and_not_changed_for_ever() {
    let world = World::new().await;
    filled(&mut world.sink(), 1).await;
    let revert = "CREATE FUNCTION revert() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
                    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.logs'::regclass \
                               AND attname = 'more' AND NOT attisdropped) \
                    THEN ALTER TABLE public.logs DROP COLUMN more; END IF; END $$; \
                  CREATE EVENT TRIGGER revert ON ddl_command_end WHEN TAG IN ('ALTER TABLE') \
                  EXECUTE FUNCTION revert()";
    world.session.batch_execute(revert).await.unwrap();
    let error = refused(&mut world.sink(), &more(true)).await;
    expect![[r#"
        table "public"."logs" was changed and still differs: ALTER TABLE "public"."logs" ADD COLUMN "more" integer
        look for what changes the table back, such as an event trigger, or make the changes by hand
    "#]].assert_eq(&told(&error));
    world.session.batch_execute("DROP EVENT TRIGGER revert").await.unwrap();
    ready(&mut world.sink(), &more(true)).await;
}

/// The plan of `logs` with one more column.
fn more(nullable: bool) -> sync_core::TablePlan {
    let mut fields: Vec<_> = plan().schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("more", DataType::Int32, nullable)));
    plan_of("logs", Schema::new(fields))
}

fn rows_with_more(blocks: &[u64], nullable: bool) -> arrow_array::RecordBatch {
    let plan = more(nullable);
    let mut columns = rows(blocks).columns().to_vec();
    columns.push(Arc::new(Int32Array::from(vec![5; blocks.len()])));
    arrow_array::RecordBatch::try_new(plan.schema, columns).unwrap()
}

#[tokio::test]
async fn a_gained_column_without_nulls_stops_a_table_with_rows_until_nulls_are_accepted() {
    let world = World::new().await;
    let before = filled(&mut world.sink(), 1).await;
    let mut sink = world.sink();
    let error = refused(&mut sink, &more(false)).await;
    expect![[r#"
        table "public"."logs" cannot hold the stream: column "more" should be integer NOT NULL and is missing
        knowing that column "more" has no value in the rows so far, run: ALTER TABLE "public"."logs" ADD COLUMN "more" integer; or start it anew while ampsync is stopped: ampsync reset --drop public.logs, which is in SQL: DROP TABLE IF EXISTS "public"."logs"; DELETE FROM ampsync.ranges WHERE table_schema = E'public' AND table_name = E'logs'; DELETE FROM ampsync.checkpoints WHERE table_schema = E'public' AND table_name = E'logs';
    "#]].assert_eq(&told(&error));
    run_remedy(&world, &error, "run: ", " or start").await;
    assert_eq!(ready(&mut sink, &more(false)).await, before);
    let after = advance(&before, &[range(2, 2)]);
    commit(&mut sink, &[], &[rows_with_more(&[2], false)], &after).await.unwrap();
    assert_eq!(world.number("SELECT sum(more) FROM logs").await, 5);
}

#[tokio::test]
async fn a_gained_column_without_nulls_is_added_to_a_table_without_rows() {
    let world = World::new().await;
    ready(&mut world.sink(), &plan()).await;
    ready(&mut sink_with(&world, options_of_index()), &more(false)).await;
    let existing = existing(&world).await;
    assert!(!existing.columns.iter().find(|column| column.name == "more").unwrap().nullable);
    assert_eq!(existing.indexes.len(), 2);
}

fn options_of_index() -> SinkOptions {
    let mut options = SinkOptions::default();
    options.table.indexes = vec![index(&["data"], false, IndexMethod::BTree)];
    options
}

#[tokio::test]
async fn a_lost_column_stops_the_table_until_somebody_has_decided() {
    for (decision, end) in
        [("so far, run: ", " or, to lose"), ("values, run: ", "; or set another")]
    {
        let world = World::new().await;
        let mut sink = world.sink();
        let start = ready(&mut sink, &more(false)).await;
        let after = advance(&start, &[range(0, 1)]);
        commit(&mut sink, &[], &[rows_with_more(&[0, 1], false)], &after).await.unwrap();
        let before = start.advanced(&after);
        let error = refused(&mut sink, &plan()).await;
        if decision == "values, run: " {
            expect![[r#"
                the stream no longer has these columns of table "public"."logs": more
                to go on without them and keep their values so far, run: ALTER TABLE "public"."logs" ALTER COLUMN "more" DROP NOT NULL; ALTER TABLE "public"."logs" RENAME COLUMN "more" TO "more_old"; or, to lose the values, run: ALTER TABLE "public"."logs" DROP COLUMN "more"; or set another DATABASE_SCHEMA, or start it anew while ampsync is stopped: ampsync reset --drop public.logs, which is in SQL: DROP TABLE IF EXISTS "public"."logs"; DELETE FROM ampsync.ranges WHERE table_schema = E'public' AND table_name = E'logs'; DELETE FROM ampsync.checkpoints WHERE table_schema = E'public' AND table_name = E'logs';
            "#]].assert_eq(&told(&error));
        }
        assert_eq!(world.number("SELECT sum(more) FROM logs").await, 10);
        run_remedy(&world, &error, decision, end).await;
        assert_eq!(ready(&mut sink, &plan()).await, before);
        let next = advance(&before, &[range(2, 2)]);
        commit(&mut sink, &[], &[rows(&[2])], &next).await.unwrap();
        assert_eq!(world.blocks().await, [0, 1, 2]);
        // The stream may have it again.
        if end == " or, to lose" {
            assert_eq!(world.number("SELECT sum(more_old) FROM logs").await, 10);
        }
        ready(&mut sink, &more(true)).await;
    }
}

#[tokio::test]
async fn a_lost_column_matters_to_nobody_while_there_are_no_rows() {
    let world = World::new().await;
    ready(&mut world.sink(), &more(true)).await;
    filled(&mut world.sink(), 1).await;
    assert_eq!(world.blocks().await, [0, 1]);
}

#[tokio::test]
async fn a_column_of_another_type_stops_the_table_until_it_is_converted() {
    let world = World::new().await;
    let before = filled(&mut world.sink(), 1).await;
    let numbers = batch(&[2], vec![("data", Arc::new(Int32Array::from(vec![7])))]);
    let plan = plan_of("logs", numbers.schema().as_ref().clone());
    let mut sink = world.sink();
    let error = refused(&mut sink, &plan).await;
    expect![[r#"
        table "public"."logs" cannot hold the stream: column "data" should be integer and is text
        run: ALTER TABLE "public"."logs" ALTER COLUMN "data" TYPE integer USING "data"::integer; or start it anew while ampsync is stopped: ampsync reset --drop public.logs, which is in SQL: DROP TABLE IF EXISTS "public"."logs"; DELETE FROM ampsync.ranges WHERE table_schema = E'public' AND table_name = E'logs'; DELETE FROM ampsync.checkpoints WHERE table_schema = E'public' AND table_name = E'logs';
    "#]].assert_eq(&told(&error));
    world.session.batch_execute("UPDATE logs SET data = _block_num").await.unwrap();
    run_remedy(&world, &error, "run: ", " or start").await;
    assert_eq!(ready(&mut sink, &plan).await, before);
    commit(&mut sink, &[], &[numbers], &advance(&before, &[range(2, 2)])).await.unwrap();
    assert_eq!(world.number("SELECT sum(data) FROM logs").await, 8);
}

/// The error as the log tells it.
fn told(error: &Error) -> String {
    let remedy = error.remedy().unwrap_or_default();
    format!("{}\n{remedy}\n", sync_core::Causes(error))
}

#[tokio::test]
async fn a_table_that_is_taken_as_it_is_gains_nothing_and_is_followed_until_it_is_another() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    // As if it had been asked for so.
    let other = "ALTER TABLE logs ALTER COLUMN data TYPE jsonb USING to_jsonb(data); \
                 DROP INDEX logs__block_num_idx";
    world.session.batch_execute(other).await.unwrap();
    assert!(refused(&mut world.sink(), &plan()).await.is_unfit());
    let there = existing(&world).await;
    let as_stored = || {
        let mut options = SinkOptions::default();
        options.as_stored = true;
        sink_with(&world, options)
    };
    let mut sink = as_stored();
    // The stream has gained a column, which the table does not get.
    let row = |block: u64| {
        let new: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        let data: ArrayRef = Arc::new(StringArray::from(vec!["{\"a\": 1}"]));
        batch(&[block], vec![("new", new), ("data", data)])
    };
    let plan = plan_of("logs", row(4).schema().as_ref().clone());
    let start = ready(&mut sink, &plan).await;
    let to = advance(&start, &[range(4, 5)]);
    commit(&mut sink, &[], &[row(4), row(5)], &to).await.unwrap();
    let again = advance(&start.advanced(&to), &[]);
    commit(&mut sink, &[invalid(5, 5)], &[row(5)], &again).await.unwrap();
    assert_eq!(world.blocks().await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(
        world.number("SELECT sum((data->>'a')::int) FROM logs WHERE _block_num > 3").await,
        2
    );
    assert_eq!(existing(&world).await, there);
    // Under the same name there is another one now, into which nothing could be written.
    let another = "ALTER TABLE logs ALTER COLUMN data TYPE bytea USING NULL";
    world.session.batch_execute(another).await.unwrap();
    assert!(matches!(refused(&mut sink, &plan).await, Error::Superseded(_)));
    drop(sink);
    assert!(refused(&mut as_stored(), &plan).await.is_unfit());
    // What somebody has added is in the way of any other table too.
    let added = "TRUNCATE logs; ALTER TABLE logs ADD COLUMN mine int NOT NULL";
    world.session.batch_execute(added).await.unwrap();
    assert!(!refused(&mut as_stored(), &plan).await.is_unfit());
}
