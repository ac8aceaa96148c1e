//! What cannot be stored is refused, and named; nothing of its transaction is left.

use std::error::Error as _;
use std::sync::Arc;

use ampsync_testkit::postgres::shared;
use arrow_array::{RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use sink_postgres::{ConnectOptions, Database, Error, SslMode, TlsOptions, ValueError};
use sync_core::{Classify, Fault, Sink, Txn};
use tokio_postgres::Config;

use crate::support::*;

#[tokio::test]
async fn text_with_a_nul_is_refused_with_table_column_and_block() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = ready(&mut sink, &plan()).await;
    let bad = batch(&[7, 8], vec![("data", Arc::new(StringArray::from(vec!["fine", "a\0b"])))]);
    let error = undone(&mut sink, &bad, &advance(&before, &[range(7, 8)])).await;
    assert_eq!(error.to_string(), r#"table "public"."logs", column "data", block 8"#);
    assert!(error.source().unwrap().to_string().contains("NUL"));
    assert_eq!(error.fault(), Fault::Permanent);
    // Nothing of the batch is left, and the next transaction is as good as any.
    assert_eq!(world.blocks().await, Vec::<i64>::new());
    let mut txn = sink.begin().await.unwrap();
    txn.append(&rows(&[9])).await.unwrap();
    txn.commit(&advance(&before, &[range(9, 9)])).await.unwrap();
    assert_eq!(world.blocks().await, [9]);
}

#[tokio::test]
async fn a_block_number_above_bigint_or_null_is_refused() {
    let world = World::new().await;
    let mut sink = world.sink();
    let before = ready(&mut sink, &plan()).await;
    let error = undone(&mut sink, &rows(&[1, 1 << 63]), &advance(&before, &[range(1, 1)])).await;
    let Error::Value { source, block: Some(block), .. } = error else { panic!("{error}") };
    let ValueError::OutOfRange { value, ty } = *source else { panic!("{source}") };
    assert_eq!((value, ty.as_str()), (block.to_string(), "bigint"));
    let schema = Schema::new(vec![
        Field::new("_block_num", DataType::UInt64, true),
        Field::new("data", DataType::Utf8, true),
    ]);
    let blocks = Arc::new(UInt64Array::from(vec![Some(1), None]));
    let data = Arc::new(StringArray::from(vec!["x", "y"]));
    let rows = RecordBatch::try_new(Arc::new(schema), vec![blocks, data]).unwrap();
    let mut txn = sink.begin().await.unwrap();
    let error = txn.append(&rows).await.unwrap_err();
    assert!(matches!(error, Error::Value { block: None, .. }), "{error}");
}

#[tokio::test]
async fn rows_of_another_shape_are_refused() {
    let world = World::new().await;
    let mut sink = world.sink();
    ready(&mut sink, &plan()).await;
    let mut txn = sink.begin().await.unwrap();
    for other in [
        batch(&[1], vec![]),
        batch(&[1], vec![("data", Arc::new(UInt64Array::from(vec![1])))]),
        batch(&[1], vec![("date", Arc::new(StringArray::from(vec!["x"])))]),
    ] {
        let error = txn.append(&other).await.unwrap_err();
        assert!(matches!(error, Error::OtherColumns { .. }), "{error}");
    }
}

#[tokio::test]
async fn structs_that_json_cannot_hold_are_named_before_anything_is_created() {
    let world = World::new().await;
    let field = |name: &str| Field::new(name, DataType::Int8, true);
    let doubled = Field::new_struct("item", vec![field("a"), field("b"), field("a")], true);
    let nul = Field::new_struct("inner", vec![field("a\0b")], true);
    let schema = Schema::new(vec![
        Field::new("_block_num", DataType::UInt64, false),
        Field::new("pairs", DataType::List(Arc::new(doubled)), true),
        Field::new_struct("deep", vec![nul], true),
    ]);
    let error = world.sink().prepare(&plan_of("t", schema)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "table \"public\".\"t\" cannot be written: column \"pairs\": two fields of a struct are \
         called \"a\"; column \"deep\": the field \"a\\0b\" of a struct has a NUL character in its name"
    );
    assert_eq!(world.number("SELECT count(*) FROM pg_class WHERE relname = 't'").await, 0);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let one = options().with_max_connections(std::num::NonZeroUsize::MIN);
    let config: Config = "host=localhost".parse().unwrap();
    assert!(matches!(Database::connect(config, &one), Err(Error::Settings(_))));
    let nowhere: Config = "user=u".parse().unwrap();
    assert!(matches!(Database::connect(nowhere, &options()), Err(Error::Settings(_))));
    let mut trusts_nobody = TlsOptions::default();
    trusts_nobody.mode = SslMode::VerifyCa;
    let config: Config = "host=localhost".parse().unwrap();
    let target = ConnectOptions::from(config).with_tls(trusts_nobody);
    assert!(matches!(Database::connect(target, &options()), Err(Error::Tls(_))));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let world = World::new().await;
    let mut config = shared().await.config(&world.name);
    config.password("hunter2");
    let database = Database::connect(config, &options()).unwrap();
    let error = sink(&database).prepare(&plan()).await.unwrap_err();
    // In the middle of the work it may be one that is being renewed.
    assert_eq!(error.fault(), Fault::Transient);
    assert!(error.remedy().unwrap().contains("password"));
    let shown = format!("{error} {error:?} {} {database:?}", error.source().unwrap());
    assert!(shown.contains("28P01") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config_via("x", listener.local_addr().unwrap(), &shared().await.config("x"));
    drop(listener);
    let database = Database::connect(config, &options()).unwrap();
    let error = sink(&database).prepare(&plan()).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Transient);
}
