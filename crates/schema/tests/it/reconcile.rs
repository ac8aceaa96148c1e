//! Every pair of types, and every kind of difference: after its statements, the tables are equal,
//! and their opposites execute too.

use std::cell::RefCell;
use std::collections::BTreeSet;

use ampsync_schema::{Cost, Difference, IndexMethod, IndexOptions, Table, TableOptions};
use ampsync_testkit::postgres::Session;
use arrow_schema::{DataType, Field};
use expect_test::expect;

use crate::catalog;
use crate::support::{assert_equal, block, down, every_type, execute, on_each, table, up};

/// Types of others that a table may have.
const FOREIGN: [&str; 14] = [
    "character varying(10)",
    "character varying",
    "character(5)",
    "json",
    "uuid",
    "numeric",
    "numeric(5,-2)",
    "timestamp(3) without time zone",
    "timestamp(3) with time zone",
    "interval day to second",
    "inet",
    "uuid[]",
    "character varying(3)[]",
    "mood",
];

#[tokio::test]
async fn a_column_of_any_type_becomes_one_of_any_other_and_returns() {
    let fields = every_type();
    let with_block =
        || std::iter::once(block()).chain(fields.iter().map(|(field, _)| field.clone()));
    let wanted = table(with_block().collect(), &TableOptions::default());
    let ours: Vec<String> = wanted.columns().iter().map(|column| column.ty.to_string()).collect();
    on_each(async |session| {
        execute(session, "CREATE TYPE mood AS ENUM ('sad', 'ok')").await;
        execute(session, "SET TIME ZONE 'Asia/Kolkata'").await;
        for found in ours.iter().map(String::as_str).chain(FOREIGN) {
            execute(session, "DROP TABLE IF EXISTS logs").await;
            let columns: Vec<_> =
                fields.iter().map(|(f, _)| format!("{} {found}", f.name())).collect();
            execute(
                session,
                &format!("CREATE TABLE logs (_block_num bigint, {})", columns.join(", ")),
            )
            .await;
            // A row of nulls: the statements must not refuse it.
            execute(session, "INSERT INTO logs (_block_num) VALUES (1)").await;
            let before = catalog::read(session, "logs").await;
            let changes = wanted.alter(&before);
            up(session, &changes).await;
            assert_equal(session, &wanted).await;
            down(session, &changes).await;
            let mut after = catalog::read(session, "logs").await;
            after
                .columns
                .sort_by_key(|column| before.columns.iter().position(|c| c.name == column.name));
            assert_eq!(after, before, "from {found}");
        }
    })
    .await;
}

#[tokio::test]
async fn defaults_and_identities_do_not_stand_in_the_way() {
    let fields = every_type();
    let with_block =
        || std::iter::once(block()).chain(fields.iter().map(|(field, _)| field.clone()));
    let wanted = table(with_block().collect(), &TableOptions::default());
    on_each(async |session| {
        for (number, (_, value)) in fields.iter().enumerate() {
            let found = wanted.columns()[number + 1].ty.to_string();
            execute(session, "DROP TABLE IF EXISTS logs").await;
            let columns: Vec<_> = fields
                .iter()
                .map(|(f, _)| format!("{} {found} NOT NULL DEFAULT '{value}'", f.name()))
                .collect();
            execute(
                session,
                &format!("CREATE TABLE logs (_block_num bigint, {})", columns.join(", ")),
            )
            .await;
            let changes = wanted.alter(&catalog::read(session, "logs").await);
            up(session, &changes).await;
            assert_equal(session, &wanted).await;
            down(session, &changes).await;
        }
        for found in ["smallint", "integer", "bigint"] {
            for (field, _) in &fields {
                execute(session, "DROP TABLE IF EXISTS logs").await;
                let name = field.name();
                execute(
                    session,
                    &format!(
                        "CREATE TABLE logs (_block_num bigint, \
                         {name} {found} GENERATED ALWAYS AS IDENTITY)"
                    ),
                )
                .await;
                let wanted = table(vec![block(), field.clone()], &TableOptions::default());
                let changes = wanted.alter(&catalog::read(session, "logs").await);
                up(session, &changes).await;
                assert_equal(session, &wanted).await;
                down(session, &changes).await;
            }
        }
    })
    .await;
}

fn wanted() -> Table {
    let fields = vec![
        block(),
        Field::new("hash", DataType::FixedSizeBinary(32), false),
        Field::new("value", DataType::Decimal128(38, 0), true),
        Field::new(
            "data",
            DataType::Struct(vec![Field::new("a", DataType::Int8, true)].into()),
            true,
        ),
    ];
    let mut options = TableOptions::default();
    options.primary_key = vec!["hash".to_owned()];
    let mut index = IndexOptions::default();
    index.columns = vec!["data".to_owned()];
    index.method = IndexMethod::Gin;
    let mut unique = IndexOptions::default();
    unique.columns = vec!["value".to_owned()];
    unique.unique = true;
    options.indexes = vec![index, unique];
    options.comment = Some("mine".to_owned());
    options.columns.entry("value".to_owned()).or_default().comment = Some("wei".to_owned());
    table(fields, &options)
}

/// What each server makes of each of these tables: what differs, which must be the same for all.
/// Then it is done, and undone.
async fn told(existing: &[&str]) -> Vec<String> {
    let told = RefCell::new(BTreeSet::new());
    on_each(async |session| {
        let mut texts = Vec::new();
        for existing in existing {
            texts.push(reconcile(session, existing).await);
        }
        told.borrow_mut().insert(texts);
    })
    .await;
    let mut told = told.into_inner();
    assert_eq!(told.len(), 1, "{told:#?}");
    told.pop_first().unwrap()
}

async fn reconcile(session: &Session, existing: &str) -> String {
    execute(session, "DROP TABLE IF EXISTS logs").await;
    execute(session, existing).await;
    let wanted = wanted();
    let before = catalog::read(session, "logs").await;
    let difference = wanted.difference(&before);
    let changes = wanted.alter(&before);
    up(session, &changes).await;
    assert_equal(session, &wanted).await;
    down(session, &changes).await;
    let undone = wanted.difference(&catalog::read(session, "logs").await);
    assert_eq!(undone == Difference::Equal, difference == Difference::Equal);
    format!("{difference}\n")
}

#[tokio::test]
async fn what_is_missing_is_added() {
    let equal = "CREATE TABLE logs (note text DEFAULT 'x' NOT NULL, \
                 id int GENERATED ALWAYS AS IDENTITY, \
                 twice numeric GENERATED ALWAYS AS (value * 2) STORED, value numeric UNIQUE, \
                 data jsonb, hash bytea PRIMARY KEY, _block_num bigint); \
                 CREATE INDEX ON logs (_block_num, hash); \
                 CREATE INDEX mine ON logs USING gin (data); \
                 COMMENT ON TABLE logs IS 'mine'; COMMENT ON COLUMN logs.value IS 'wei'; \
                 COMMENT ON COLUMN logs.hash IS 'a comment of somebody';";
    let bare = "CREATE TABLE logs (_block_num bigint, hash bytea); \
                CREATE INDEX logs_value_idx ON logs (hash); \
                CREATE INDEX logs__block_num_idx ON logs (_block_num) WHERE _block_num > 5; \
                CREATE INDEX logs_pkey ON logs (hash, _block_num); \
                COMMENT ON TABLE logs IS 'old'";
    let told = told(&[equal, bare]).await;
    expect![[r#"
        it holds what is wanted
    "#]]
    .assert_eq(&told[0]);
    expect![[r#"
        it lacks something:
            ALTER TABLE "public"."logs" ADD COLUMN "value" numeric(38,0);
            ALTER TABLE "public"."logs" ADD COLUMN "data" jsonb;
            ALTER TABLE "public"."logs" ADD CONSTRAINT "logs_pkey1" PRIMARY KEY ("hash");
            CREATE INDEX "logs__block_num_idx1" ON "public"."logs" USING btree ("_block_num");
            CREATE INDEX "logs_data_idx" ON "public"."logs" USING gin ("data");
            CREATE UNIQUE INDEX "logs_value_idx1" ON "public"."logs" USING btree ("value");
            COMMENT ON TABLE "public"."logs" IS E'mine';
            COMMENT ON COLUMN "public"."logs"."value" IS E'wei';
    "#]]
    .assert_eq(&told[1]);
}

#[tokio::test]
async fn what_conflicts_is_reconciled_by_the_statements_it_names() {
    let other = "CREATE TABLE logs (id uuid, _block_num bigint, hash text, \
                 value double precision NOT NULL, data text, tags text[], extra int NOT NULL, \
                 PRIMARY KEY (id, value)); \
                 CREATE INDEX ON logs USING hash (data); CREATE INDEX ON logs (_block_num)";
    let generated = "CREATE TABLE logs (_block_num int, hash boolean PRIMARY KEY, \
                     value numeric GENERATED ALWAYS AS (1) STORED, data bytea)";
    let key = "CREATE TABLE logs (_block_num bigint, hash bytea, value numeric, data jsonb, \
               CONSTRAINT mine PRIMARY KEY (_block_num, hash))";
    let unfit = "CREATE TABLE logs (_block_num bigint, hash text[] PRIMARY KEY, \
                 value bigint GENERATED ALWAYS AS IDENTITY, data jsonb); \
                 CREATE INDEX gin ON logs USING gin (hash)";
    let missing = "CREATE TABLE logs (value numeric, data jsonb)";
    let told = told(&[other, generated, key, unfit, missing]).await;
    expect![[r#"
        it cannot hold what is wanted:
          column "hash" should be bytea and is text
            ALTER TABLE "public"."logs" ALTER COLUMN "hash" TYPE bytea USING decode(regexp_replace("hash", '^0x', ''), 'hex');
          column "value" should be numeric(38,0) NULL and is double precision NOT NULL, being in the primary key; values may be rounded or cut
            ALTER TABLE "public"."logs" ALTER COLUMN "value" TYPE numeric(38,0) USING "value"::numeric(38,0);
            ALTER TABLE "public"."logs" DROP CONSTRAINT "logs_pkey";
            ALTER TABLE "public"."logs" ALTER COLUMN "value" DROP NOT NULL;
          column "data" should be jsonb and is text
            ALTER TABLE "public"."logs" ALTER COLUMN "data" TYPE jsonb USING "data"::jsonb;
          column "id" should be nullable or with a default (the stream does not have it) and is uuid NOT NULL
            ALTER TABLE "public"."logs" ALTER COLUMN "id" DROP NOT NULL;
          column "extra" should be nullable or with a default (the stream does not have it) and is integer NOT NULL
            ALTER TABLE "public"."logs" ALTER COLUMN "extra" DROP NOT NULL;
    "#]].assert_eq(&told[0]);
    expect![[r#"
        it cannot hold what is wanted:
          column "_block_num" should be bigint and is integer
            ALTER TABLE "public"."logs" ALTER COLUMN "_block_num" TYPE bigint USING "_block_num"::bigint;
          column "hash" should be bytea and is boolean; its values are dropped: only streaming the table anew fills it
            ALTER TABLE "public"."logs" DROP CONSTRAINT "logs_pkey";
            ALTER TABLE "public"."logs" DROP COLUMN "hash";
            ALTER TABLE "public"."logs" ADD COLUMN "hash" bytea NOT NULL;
          column "value" should be numeric(38,0) and is generated numeric; its values are dropped: only streaming the table anew fills it
            ALTER TABLE "public"."logs" DROP COLUMN "value";
            ALTER TABLE "public"."logs" ADD COLUMN "value" numeric(38,0);
          column "data" should be jsonb and is bytea; its values are dropped: only streaming the table anew fills it
            ALTER TABLE "public"."logs" DROP COLUMN "data";
            ALTER TABLE "public"."logs" ADD COLUMN "data" jsonb;
    "#]].assert_eq(&told[1]);
    expect![[r#"
        it cannot hold what is wanted:
          the primary key should be ("hash") and is ("_block_num", "hash")
            ALTER TABLE "public"."logs" DROP CONSTRAINT "mine";
            ALTER TABLE "public"."logs" ADD CONSTRAINT "logs_pkey" PRIMARY KEY ("hash");
    "#]]
    .assert_eq(&told[2]);
    expect![[r#"
        it cannot hold what is wanted:
          column "hash" should be bytea and is text[]; its values are dropped: only streaming the table anew fills it
            ALTER TABLE "public"."logs" DROP CONSTRAINT "logs_pkey";
            ALTER TABLE "public"."logs" DROP COLUMN "hash";
            ALTER TABLE "public"."logs" ADD COLUMN "hash" bytea NOT NULL;
          column "value" should be numeric(38,0) NULL and is bigint NOT NULL
            ALTER TABLE "public"."logs" ALTER COLUMN "value" DROP IDENTITY IF EXISTS;
            ALTER TABLE "public"."logs" ALTER COLUMN "value" DROP DEFAULT, ALTER COLUMN "value" TYPE numeric(38,0) USING "value"::numeric(38,0);
            ALTER TABLE "public"."logs" ALTER COLUMN "value" DROP NOT NULL;
    "#]].assert_eq(&told[3]);
    expect![[r#"
        it cannot hold what is wanted:
          column "_block_num" should be bigint NOT NULL and is missing; rows that are there get no value: only streaming the table anew fills it
            ALTER TABLE "public"."logs" ADD COLUMN "_block_num" bigint NOT NULL;
          column "hash" should be bytea NOT NULL and is missing; rows that are there get no value: only streaming the table anew fills it
            ALTER TABLE "public"."logs" ADD COLUMN "hash" bytea NOT NULL;
    "#]].assert_eq(&told[4]);
}

#[tokio::test]
async fn a_filled_table_takes_a_column_that_may_not_be_null_without_its_values() {
    let fields = vec![block(), Field::new("hash", DataType::Binary, false)];
    let wanted = table(fields, &TableOptions::default());
    on_each(async |session| {
        execute(session, "CREATE TABLE logs (_block_num bigint NOT NULL)").await;
        execute(session, "INSERT INTO logs VALUES (1)").await;
        let existing = catalog::read(session, "logs").await;
        let Difference::Conflicting(conflicts) = wanted.difference(&existing) else {
            panic!("no conflict")
        };
        assert_eq!(conflicts[0].cost, Cost::Missing);
        up(session, &wanted.alter(&existing)).await;
        assert_equal(session, &wanted).await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_taken_back_leaves_the_columns_as_they_were() {
    let fields = vec![
        block(),
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Int32, true),
    ];
    let mut options = TableOptions::default();
    options.primary_key = vec!["a".to_owned(), "b".to_owned()];
    let wanted = table(fields, &options);
    on_each(async |session| {
        execute(session, "CREATE TABLE logs (_block_num bigint, a int, b int NOT NULL)").await;
        let before = catalog::read(session, "logs").await;
        let changes = wanted.alter(&before);
        up(session, &changes).await;
        assert_equal(session, &wanted).await;
        down(session, &changes).await;
        assert_eq!(catalog::read(session, "logs").await, before);
    })
    .await;
}
