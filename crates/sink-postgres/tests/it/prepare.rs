use std::sync::Arc;

use arrow_array::{Int32Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use sink_postgres::Error;
use sync_core::{Checkpoint, Classify, Fault, Sink};

use crate::support::*;

#[tokio::test]
async fn a_new_table_starts_from_nothing() {
    let world = World::new().await;
    assert_eq!(ready(&mut world.sink(), &plan()).await, Checkpoint::default());
    let columns = "SELECT column_name::text, data_type::text, is_nullable::text \
                   FROM information_schema.columns WHERE table_name = 'logs' ORDER BY 1";
    let expected =
        [["_block_num", "bigint", "NO"], ["data", "text", "YES"]].map(|row| row.map(text).to_vec());
    assert_eq!(world.texts(columns).await, expected);
    let index = "SELECT indexdef FROM pg_indexes WHERE tablename = 'logs'";
    let index = world.texts(index).await;
    assert!(index[0][0].as_ref().unwrap().contains("USING btree (_block_num)"), "{index:?}");
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn rows_beyond_the_cursor_are_deleted() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 3).await;
    let mut ahead = advance(&before, &[]);
    ahead.provisional = Some(block(6));
    commit(&mut sink, &[], &[rows(&[4, 5, 6])], &ahead).await.unwrap();
    let ahead = before.advanced(&ahead);
    assert_eq!(sink.checkpoint().await.unwrap(), ahead);
    let expected =
        Checkpoint { version: ahead.version + 1, commit: None, provisional: None, ..ahead.clone() };
    assert_eq!(ready(&mut sink, &plan()).await, expected);
    assert_eq!(world.blocks().await, [0, 1, 2, 3]);
    assert_eq!(ready(&mut sink, &plan()).await, expected);
}

#[tokio::test]
async fn all_rows_are_deleted_where_there_is_no_cursor_yet() {
    let world = World::new().await;
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan()).await;
    let mut ahead = advance(&start, &[]);
    ahead.provisional = Some(block(2));
    commit(&mut sink, &[], &[rows(&[0, 1, 2])], &ahead).await.unwrap();
    let checkpoint = ready(&mut sink, &plan()).await;
    assert_eq!((checkpoint.version, checkpoint.provisional), (2, None));
    assert!(world.blocks().await.is_empty());
}

#[tokio::test]
async fn another_dataset_or_query_is_refused_with_the_ways_out() {
    let world = World::new().await;
    let mut sink = world.sink();
    filled(&mut sink, 1).await;
    let mut dataset = plan();
    dataset.dataset = "ns/name@2.0.0".to_owned();
    let mut query = plan();
    query.query = "SELECT 1".to_owned();
    for (plan, what) in [(&dataset, "dataset"), (&query, "query")] {
        let error = sink.prepare(plan).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(error.fault(), Fault::Permanent);
        assert!(error.remedy().unwrap().contains("DATABASE_SCHEMA"));
        assert_eq!(world.blocks().await, [0, 1]);
    }
    let error = sink.prepare(&dataset).await.unwrap_err();
    start_anew(&world, &error).await;
    assert_eq!(ready(&mut sink, &dataset).await, Checkpoint::default());
}

/// Does what the error says.
async fn start_anew(world: &World, error: &Error) {
    let remedy = error.remedy().unwrap();
    let (_, statements) = remedy.split_once("in SQL: ").unwrap();
    world.session.batch_execute(statements).await.unwrap();
}

#[tokio::test]
async fn rows_of_unknown_origin_are_never_mixed_with_ours() {
    let world = World::new().await;
    let table = "CREATE TABLE logs (_block_num bigint NOT NULL, data text); \
                 INSERT INTO logs VALUES (1, 'mine')";
    world.session.batch_execute(table).await.unwrap();
    let mut sink = world.sink();
    let error = sink.prepare(&plan()).await.unwrap_err();
    assert!(matches!(error, Error::ForeignRows(_)), "{error}");
    let remedy = error.remedy().unwrap();
    let (_, statement) = remedy.split_once("empty the table: ").unwrap();
    world.session.batch_execute(statement).await.unwrap();
    filled(&mut sink, 1).await;
    assert_eq!(world.blocks().await, [0, 1]);
}

#[tokio::test]
async fn a_table_the_user_made_is_used_whatever_its_order_and_extras() {
    let world = World::new().await;
    let table = "CREATE TABLE logs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
                 data varchar, note text, _block_num bigint NOT NULL)";
    world.session.batch_execute(table).await.unwrap();
    filled(&mut world.sink(), 2).await;
    assert_eq!(world.blocks().await, [0, 1, 2]);
    assert_eq!(world.number("SELECT count(*) FROM pg_indexes WHERE tablename = 'logs'").await, 2);
}

#[tokio::test]
async fn a_table_that_cannot_hold_the_rows_is_refused_with_statements_that_help() {
    let world = World::new().await;
    let table = "CREATE TABLE logs (_block_num integer NOT NULL, data text, must text NOT NULL)";
    world.session.batch_execute(table).await.unwrap();
    let mut sink = world.sink();
    let error = sink.prepare(&plan()).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let remedy = error.remedy().unwrap();
    let (_, rest) = remedy.split_once("run: ").unwrap();
    let (statements, _) = rest.split_once(" or start").unwrap();
    world.session.batch_execute(statements).await.unwrap();
    ready(&mut sink, &plan()).await;
}

#[tokio::test]
async fn a_new_column_is_added_and_one_that_goes_is_refused() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = filled(&mut sink, 1).await;
    let wide = batch(
        &[2],
        vec![
            ("data", Arc::new(StringArray::from(vec!["x"]))),
            ("more", Arc::new(Int32Array::from(vec![5]))),
        ],
    );
    let wide_plan = plan_of("logs", wide.schema().as_ref().clone());
    assert_eq!(ready(&mut sink, &wide_plan).await, before);
    let after = advance(&before, &[range(2, 2)]);
    commit(&mut sink, &[], &[wide], &after).await.unwrap();
    let values = world.texts("SELECT more::text FROM logs ORDER BY _block_num").await;
    assert_eq!(values, [vec![None], vec![None], vec![text("5")]]);
    let error = sink.prepare(&plan()).await.unwrap_err();
    assert!(
        matches!(&error, Error::ColumnsGone { columns, .. } if columns == &["more"]),
        "{error}"
    );
}

#[tokio::test]
async fn a_table_that_was_dropped_is_not_silently_started_in_the_middle() {
    let world = World::new().await;
    let mut sink = world.sink();
    filled(&mut sink, 1).await;
    world.session.batch_execute("DROP TABLE logs").await.unwrap();
    let error = sink.prepare(&plan()).await.unwrap_err();
    assert!(matches!(error, Error::TableGone(_)), "{error}");
    start_anew(&world, &error).await;
    assert_eq!(ready(&mut sink, &plan()).await, Checkpoint::default());
}

#[tokio::test]
async fn a_view_is_not_a_table() {
    let world = World::new().await;
    world.session.batch_execute("CREATE VIEW logs AS SELECT 1 AS x").await.unwrap();
    let error = world.sink().prepare(&plan()).await.unwrap_err();
    assert!(matches!(error, Error::NotATable(_)), "{error}");
}

#[tokio::test]
async fn names_need_no_care() {
    let world = World::new().await;
    let name = r#"My "table"; DROP"#;
    let schema = Schema::new(vec![
        Field::new("_block_num", DataType::UInt64, false),
        Field::new("it's \"quoted\" \\", DataType::Utf8, true),
    ]);
    let mut sink = sink_postgres::PostgresSink::new(
        world.database.clone(),
        ampsync_schema::Ident::new("a schema's name\\").unwrap(),
    );
    let checkpoint = ready(&mut sink, &plan_of(name, schema)).await;
    let after = advance(&checkpoint, &[range(0, 0)]);
    commit(&mut sink, &[], &[], &after).await.unwrap();
    assert_eq!(sink.checkpoint().await.unwrap(), checkpoint.advanced(&after));
}

#[tokio::test]
async fn bookkeeping_of_a_newer_release_is_left_alone() {
    let world = World::new().await;
    ready(&mut world.sink(), &plan()).await;
    world.session.batch_execute("UPDATE ampsync.meta SET version = 99").await.unwrap();
    let mut sink = sink(&world.other_process().await);
    let other = plan_of("other", plan().schema.as_ref().clone());
    let error = sink.prepare(&other).await.unwrap_err();
    assert!(matches!(error, Error::NewerBookkeeping { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_role_that_may_create_nothing_can_write_what_was_created_for_it() {
    let world = World::new().await;
    ready(&mut world.sink(), &plan()).await;
    let role = format!("role_{}", world.name);
    world
        .session
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'secret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
             GRANT USAGE ON SCHEMA ampsync TO {role}; \
             GRANT ALL ON ALL TABLES IN SCHEMA ampsync, public TO {role}"
        ))
        .await
        .unwrap();
    let mut config = ampsync_testkit::postgres::shared().await.config(&world.name);
    config.user(&role).password("secret");
    let database = sink_postgres::Database::connect(config, &options()).unwrap();
    filled(&mut sink(&database), 1).await;
    let other = plan_of("other", plan().schema.as_ref().clone());
    let error = sink(&database).prepare(&other).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent);
    let remedy = error.remedy().unwrap();
    let (_, statement) = remedy.split_once("as who may: ").unwrap();
    world.session.batch_execute(statement).await.unwrap();
    ready(&mut sink(&database), &other).await;
}
