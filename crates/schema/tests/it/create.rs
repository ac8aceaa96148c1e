use ampsync_schema::migration::Migration;
use ampsync_schema::{ColumnOptions, IndexMethod, IndexOptions, Table, TableOptions};
use arrow_schema::{DataType, Field, Schema};
use expect_test::expect;

use crate::catalog;
use crate::support::{assert_equal, block, down, every_type, execute, name, on_each, table, up};

fn index(columns: &[&str], unique: bool, method: IndexMethod) -> IndexOptions {
    let mut index = IndexOptions::default();
    index.columns = columns.iter().map(|&column| column.to_owned()).collect();
    index.unique = unique;
    index.method = method;
    index
}

fn everything() -> Table {
    let tags = DataType::List(Field::new("item", DataType::Utf8, true).into());
    let fields = vec![
        block(),
        Field::new("log index", DataType::Int32, true),
        Field::new("from", DataType::FixedSizeBinary(20), true),
        Field::new("value", DataType::Utf8, true),
        Field::new("tags", tags, true),
    ];
    let mut options = TableOptions::default();
    options.primary_key = vec!["_block_num".to_owned(), "log index".to_owned()];
    options.indexes = vec![
        index(&["from"], false, IndexMethod::Hash),
        index(&["from", "value"], true, IndexMethod::BTree),
        index(&["tags"], false, IndexMethod::Gin),
        index(&["log index", "_block_num"], false, IndexMethod::Brin),
    ];
    options.comment = Some(r"it's a \ table".to_owned());
    let mut value = ColumnOptions::default();
    value.ty = Some("numeric(78,0)".parse().unwrap());
    value.comment = Some("wei; 'quoted'".to_owned());
    options.columns.insert("value".to_owned(), value);
    let schema = Schema::new(fields);
    Table::with_options(name("My Schema", "Logs"), &schema, "_block_num", &options).unwrap()
}

#[tokio::test]
async fn what_is_created_has_all_that_was_asked_for() {
    let table = everything();
    let migration = Migration::new([(&table, None)]);
    expect![[r#"
        CREATE SCHEMA IF NOT EXISTS "My Schema";

        CREATE TABLE "My Schema"."Logs" (
            "_block_num" bigint NOT NULL,
            "log index" integer NOT NULL,
            "from" bytea,
            "value" numeric(78,0),
            "tags" text[],
            CONSTRAINT "Logs_pkey" PRIMARY KEY ("_block_num", "log index")
        );

        CREATE INDEX "Logs_from_idx" ON "My Schema"."Logs" USING hash ("from");

        CREATE UNIQUE INDEX "Logs_from_value_idx" ON "My Schema"."Logs" USING btree ("from", "value");

        CREATE INDEX "Logs_tags_idx" ON "My Schema"."Logs" USING gin ("tags");

        CREATE INDEX "Logs_log index__block_num_idx" ON "My Schema"."Logs" USING brin ("log index", "_block_num");

        COMMENT ON TABLE "My Schema"."Logs" IS E'it''s a \\ table';

        COMMENT ON COLUMN "My Schema"."Logs"."value" IS E'wei; ''quoted''';
    "#]]
    .assert_eq(&migration.up_script());
    expect![[r#"
        COMMENT ON COLUMN "My Schema"."Logs"."value" IS NULL;

        COMMENT ON TABLE "My Schema"."Logs" IS NULL;

        DROP INDEX "My Schema"."Logs_log index__block_num_idx";

        DROP INDEX "My Schema"."Logs_tags_idx";

        DROP INDEX "My Schema"."Logs_from_value_idx";

        DROP INDEX "My Schema"."Logs_from_idx";

        DROP TABLE "My Schema"."Logs";
    "#]]
    .assert_eq(&migration.down_script());
    on_each(async |session| {
        execute(session, "SET standard_conforming_strings = off").await;
        for _ in 0..2 {
            execute(session, &migration.up_script()).await;
            let found = catalog::read(session, &table.name().to_string()).await;
            assert_eq!(found.comment.as_deref(), table.comment());
            assert_equal(session, &table).await;
            execute(session, &migration.down_script()).await;
            let found = catalog::read(session, &table.name().to_string()).await;
            assert!(found.columns.is_empty(), "{found:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_type_can_be_a_column_and_holds_its_values() {
    let fields = every_type();
    let names: Vec<_> = fields.iter().map(|(field, _)| field.name().clone()).collect();
    let values: Vec<_> = fields.iter().map(|(_, value)| format!("'{value}'")).collect();
    let fields = std::iter::once(block()).chain(fields.iter().map(|(field, _)| field.clone()));
    let table = table(fields.collect(), &TableOptions::default());
    on_each(async |session| {
        up(session, &table.create()).await;
        assert_equal(session, &table).await;
        let (names, values) = (names.join(", "), values.join(", "));
        let insert = format!("INSERT INTO logs (_block_num, {names}) VALUES (1, {values})");
        execute(session, &insert).await;
        down(session, &table.create()).await;
    })
    .await;
}

#[tokio::test]
async fn as_many_columns_as_postgresql_allows_can_be_created() {
    let fields = (1..1_600).map(|n| Field::new(format!("column {n}"), DataType::Int64, true));
    let fields = std::iter::once(block()).chain(fields).collect();
    let table = table(fields, &TableOptions::default());
    on_each(async |session| {
        up(session, &table.create()).await;
        assert_equal(session, &table).await;
        // The row's size is another limit, which only a row can hit.
        execute(session, "INSERT INTO logs (_block_num) VALUES (1)").await;
        let names: Vec<_> = (1..1_600).map(|n| format!("\"column {n}\" = 1")).collect();
        let full = format!("UPDATE logs SET {}", names.join(", "));
        let error = session.batch_execute(&full).await.unwrap_err();
        let message = error.as_db_error().unwrap().message().to_owned();
        assert!(message.starts_with("row is too big"), "{message}");
    })
    .await;
}

#[tokio::test]
async fn an_index_that_begins_with_the_block_column_takes_the_place_of_its_own() {
    let fields = || vec![block(), Field::new("a", DataType::Int32, true)];
    let plain = table(fields(), &TableOptions::default());
    assert_eq!(plain.indexes()[0].name.as_str(), "logs__block_num_idx");
    let mut options = TableOptions::default();
    options.indexes = vec![index(&["_block_num", "a"], false, IndexMethod::BTree)];
    let indexed = table(fields(), &options);
    assert_eq!(indexed.indexes().len(), 1);
    options.indexes[0].method = IndexMethod::Brin;
    assert_eq!(table(fields(), &options).indexes().len(), 2);
    on_each(async |session| {
        up(session, &indexed.create()).await;
        assert_equal(session, &indexed).await;
        assert_equal(session, &plain).await;
    })
    .await;
}
