//! What is told of the tables that are there.

use ampsync_schema::{
    ColumnOptions, Difference, ExistingTable, Ident, IndexMethod, IndexOptions, QualifiedName,
    Table,
};
use expect_test::expect;
use sink_postgres::SinkOptions;

use crate::support::*;

fn name(schema: &str, name: &str) -> QualifiedName {
    QualifiedName { schema: Ident::new(schema).unwrap(), name: Ident::new(name).unwrap() }
}

/// Every feature of the table, a line each.
fn shown(table: &ExistingTable) -> String {
    let mut lines = vec![
        format!("comment {:?}", table.comment),
        format!("key {:?} {:?}", table.primary_key_name, table.primary_key),
    ];
    for column in &table.columns {
        let mut line = format!("column {:?} {}", column.name, column.ty);
        for (is, word) in [
            (column.nullable, " NULL"),
            (column.has_default, " DEFAULT"),
            (column.generated, " GENERATED"),
        ] {
            line.push_str(if is { word } else { "" });
        }
        lines.push(format!("{line} {:?}", column.comment));
    }
    for index in &table.indexes {
        let unique = if index.unique { " unique" } else { "" };
        let whole = if index.whole { " whole" } else { "" };
        let (name, method, columns) = (&index.name, &index.method, &index.columns);
        lines.push(format!("index {name:?} {method} {columns:?}{unique}{whole}"));
    }
    lines.join("\n") + "\n"
}

fn options() -> SinkOptions {
    let mut options = SinkOptions::default();
    options.table.primary_key = vec!["_block_num".to_owned(), "data".to_owned()];
    let mut index = IndexOptions::default();
    index.columns = vec!["data".to_owned()];
    index.method = IndexMethod::Hash;
    options.table.indexes = vec![index];
    options.table.comment = Some("What's \"logged\" \\ here".to_owned());
    let mut column = ColumnOptions::default();
    column.comment = Some("äöü".to_owned());
    options.table.columns.insert("data".to_owned(), column);
    options
}

#[tokio::test]
async fn what_is_asked_of_a_table_is_what_the_catalog_says_afterwards() {
    let world = World::new().await;
    ready(&mut world.sink().with_options(options()), &plan()).await;
    let existing = world.database.existing(&name("public", "logs")).await.unwrap().unwrap();
    expect![[r#"
        comment Some("What's \"logged\" \\ here")
        key Some("logs_pkey") ["_block_num", "data"]
        column "_block_num" bigint None
        column "data" text Some("äöü")
        index "logs_data_idx" hash ["data"] whole
    "#]]
    .assert_eq(&shown(&existing));
    let wanted =
        Table::with_options(name("public", "logs"), &plan().schema, "_block_num", &options().table);
    assert_eq!(wanted.unwrap().difference(&existing), Difference::Equal);
}

#[tokio::test]
async fn the_catalog_tells_of_every_kind_of_table_and_index() {
    let world = World::new().await;
    let ddl = r#"
        CREATE SCHEMA "Ünï ""q""";
        CREATE TABLE "Ünï ""q"""."tä ""b""" (
            _block_num bigint NOT NULL, "Col ""x""" varchar(3) DEFAULT 'a',
            id integer GENERATED ALWAYS AS IDENTITY, twice bigint GENERATED ALWAYS AS (_block_num * 2) STORED,
            CONSTRAINT "my key" PRIMARY KEY (_block_num, id) INCLUDE (twice)
        ) PARTITION BY RANGE (_block_num);
        COMMENT ON TABLE "Ünï ""q"""."tä ""b""" IS 'it''s';
        COMMENT ON COLUMN "Ünï ""q"""."tä ""b""".id IS 'c';
        CREATE INDEX one ON "Ünï ""q"""."tä ""b""" USING hash ("Col ""x""");
        CREATE INDEX two ON "Ünï ""q"""."tä ""b""" (lower("Col ""x"""), id) WHERE id > 3;
        ALTER TABLE "Ünï ""q"""."tä ""b""" ADD COLUMN gone int;
        ALTER TABLE "Ünï ""q"""."tä ""b""" DROP COLUMN gone;
    "#;
    world.session.batch_execute(ddl).await.unwrap();
    let existing = world.database.existing(&name("Ünï \"q\"", "tä \"b\"")).await.unwrap();
    expect![[r#"
        comment Some("it's")
        key Some("my key") ["_block_num", "id"]
        column "_block_num" bigint None
        column "Col \"x\"" character varying(3) NULL DEFAULT None
        column "id" integer DEFAULT Some("c")
        column "twice" bigint NULL GENERATED None
        index "one" hash ["Col \"x\""] whole
        index "two" btree ["", "id"]
    "#]]
    .assert_eq(&shown(&existing.unwrap()));
    assert_eq!(world.database.existing(&name("nowhere", "x")).await.unwrap(), None);
    // Nothing of ours was created by looking.
    let ours = "SELECT count(*) FROM pg_namespace WHERE nspname = 'ampsync'";
    assert_eq!(world.number(ours).await, 0);
}
