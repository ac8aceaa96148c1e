//! Tables that somebody else has made, and what we may do in their database.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Int32Array, ListArray, StringArray};
use arrow_schema::{DataType, Field, Schema};
use expect_test::expect;
use sink_postgres::Error;
use sync_core::{Classify, Fault, Sink};

use crate::support::*;

#[tokio::test]
async fn only_tables_are_tables() {
    let world = World::new().await;
    let ddl = "CREATE VIEW v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW m AS SELECT 1 AS x; \
               CREATE SEQUENCE s; CREATE TABLE t (x int); CREATE INDEX i ON t (x); \
               CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing; \
               CREATE FOREIGN TABLE f (x int) SERVER far";
    world.session.batch_execute(ddl).await.unwrap();
    for name in ["v", "m", "s", "i", "f"] {
        let plan = plan_of(name, plan().schema.as_ref().clone());
        let error = world.sink().prepare(&plan).await.unwrap_err();
        assert!(matches!(error, Error::NotATable(_)), "{name}: {error}");
        let name = ampsync_schema::QualifiedName {
            schema: ampsync_schema::Ident::new("public").unwrap(),
            name: ampsync_schema::Ident::new(name).unwrap(),
        };
        let error = world.database.existing(&name).await.unwrap_err();
        assert!(matches!(error, Error::NotATable(_)), "{error}");
    }
}

/// A table in which rows would not be safe is refused as `expected` until the remedy is done.
async fn is_unsafe(ddl: &str, expected: expect_test::Expect) -> World {
    let world = World::new().await;
    world.session.batch_execute(ddl).await.unwrap();
    let mut sink = world.sink();
    let error = sink.prepare(&plan()).await.unwrap_err();
    assert!(matches!(error, Error::Unsafe { .. }), "{error}");
    let remedy = error.remedy().unwrap();
    expected.assert_eq(&format!("{error}\n{remedy}\n"));
    world.session.batch_execute(remedy.strip_prefix("run: ").unwrap()).await.unwrap();
    filled(&mut sink, 1).await;
    world
}

const TABLE: &str = "TABLE logs (_block_num bigint NOT NULL, data text)";

#[tokio::test]
async fn a_table_that_a_crash_would_empty_is_refused() {
    is_unsafe(&format!("CREATE UNLOGGED {TABLE}"), expect![[r#"
        rows would not be safe in table "public"."logs": public.logs is unlogged: a crash of the server empties it, unnoticed
        run: ALTER TABLE public.logs SET LOGGED;
    "#]]).await;
    let partition = "CREATE UNLOGGED TABLE \"Low\" PARTITION OF logs FOR VALUES FROM (0) TO (9)";
    let ddl = format!("CREATE {TABLE} PARTITION BY RANGE (_block_num); {partition}");
    is_unsafe(&ddl, expect![[r#"
        rows would not be safe in table "public"."logs": public."Low" is unlogged: a crash of the server empties it, unnoticed
        run: ALTER TABLE public."Low" SET LOGGED;
    "#]]).await;
}

#[tokio::test]
async fn a_table_whose_rows_a_reorg_would_miss_or_take_too_many_of_is_refused() {
    let rule =
        format!("CREATE {TABLE}; CREATE RULE \"Keep\" AS ON DELETE TO logs DO INSTEAD NOTHING");
    is_unsafe(&rule, expect![[r#"
        rows would not be safe in table "public"."logs": a rule keeps rows from being deleted: "Keep"
        run: DROP RULE "Keep" ON "public"."logs";
    "#]]).await;
    let child = format!("CREATE {TABLE}; CREATE TABLE archive () INHERITS (logs)");
    is_unsafe(&child, expect![[r#"
        rows would not be safe in table "public"."logs": a reorg would delete rows of what inherits from it: public.archive
        run: ALTER TABLE public.archive NO INHERIT "public"."logs";
    "#]]).await;
}

/// The database as a role of its own sees it, which may do what `grants` say.
async fn as_role(world: &World, grants: &str) -> sink_postgres::Database {
    let role = format!("role_{}", world.name);
    let create = format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'; {grants}");
    world.session.batch_execute(&create.replace("ROLE_", &role)).await.unwrap();
    let mut config = ampsync_testkit::postgres::shared().await.config(&world.name);
    config.user(&role).password("secret");
    sink_postgres::Database::connect(config, &options()).unwrap()
}

#[tokio::test]
async fn row_level_security_that_applies_to_us_is_refused() {
    let world = World::new().await;
    ready(&mut world.sink(), &plan()).await;
    world.session.batch_execute("ALTER TABLE logs ENABLE ROW LEVEL SECURITY").await.unwrap();
    // It does not apply to who owns the table.
    ready(&mut world.sink(), &plan()).await;
    let database = as_role(
        &world,
        "GRANT USAGE ON SCHEMA ampsync TO ROLE_; \
         GRANT ALL ON ALL TABLES IN SCHEMA ampsync, public TO ROLE_",
    )
    .await;
    let mut sink = sink(&database);
    let error = sink.prepare(&plan()).await.unwrap_err();
    let remedy = error.remedy().unwrap();
    let shown = format!("{error}\n{remedy}\n").replace(&world.name, "NAME");
    expect![[r#"
        rows would not be safe in table "public"."logs": its row level security hides rows from role "role_NAME"
        run: ALTER ROLE "role_NAME" BYPASSRLS;
    "#]].assert_eq(&shown);
    world.session.batch_execute(remedy.strip_prefix("run: ").unwrap()).await.unwrap();
    filled(&mut sink, 1).await;
    let forced = format!(
        "ALTER ROLE role_{name} NOBYPASSRLS; ALTER TABLE logs FORCE ROW LEVEL SECURITY; \
         ALTER TABLE logs OWNER TO role_{name}",
        name = world.name
    );
    world.session.batch_execute(&forced).await.unwrap();
    let error = sink.prepare(&plan()).await.unwrap_err();
    let remedy = error.remedy().unwrap();
    assert_eq!(remedy, "run: ALTER TABLE \"public\".\"logs\" NO FORCE ROW LEVEL SECURITY;");
    world.session.batch_execute(remedy.strip_prefix("run: ").unwrap()).await.unwrap();
    ready(&mut sink, &plan()).await;
}

#[tokio::test]
async fn a_privilege_that_is_missing_is_named_with_the_grant() {
    let world = World::new().await;
    let database = as_role(&world, "REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let mut sink = sink(&database);
    let mut shown = String::new();
    // Each remedy leads to the next.
    for _ in 0..2 {
        let error = sink.prepare(&plan()).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Permanent);
        let remedy = error.remedy().unwrap();
        shown.push_str(&format!("{error}\n{remedy}\n"));
        let (_, statement) = remedy.split_once("may: ").unwrap();
        world.session.batch_execute(statement).await.unwrap();
    }
    ready(&mut sink, &plan()).await;
    let take = "ALTER TABLE logs OWNER TO CURRENT_USER; GRANT SELECT (data) ON logs TO PUBLIC";
    world.session.batch_execute(take).await.unwrap();
    let error = sink.prepare(&plan()).await.unwrap_err();
    let remedy = error.remedy().unwrap();
    shown.push_str(&format!("{error}\n{remedy}\n"));
    world.session.batch_execute(remedy.split_once("may: ").unwrap().1).await.unwrap();
    ready(&mut sink, &plan()).await;
    // What a table needs and only its owner can do.
    let wide = batch(&[], vec![("more", Arc::new(Int32Array::from(Vec::<i32>::new())))]);
    let mut fields: Vec<_> = plan().schema.fields().iter().cloned().collect();
    fields.push(Arc::clone(&wide.schema().fields()[1]));
    let wide = plan_of("logs", Schema::new(fields));
    let error = sink.prepare(&wide).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permanent);
    let remedy = error.remedy().unwrap();
    shown.push_str(&format!("{error}\n{remedy}\n"));
    world.session.batch_execute(remedy.split_once("again: ").unwrap().1).await.unwrap();
    ready(&mut sink, &wide).await;
    expect![[r#"
        role "role_NAME" may not create the bookkeeping
        run, as who may: CREATE SCHEMA "ampsync" AUTHORIZATION "role_NAME";
        role "role_NAME" may not create table "public"."logs"
        run, as who may: GRANT USAGE, CREATE ON SCHEMA "public" TO "role_NAME";
        role "role_NAME" may not INSERT, DELETE in table "public"."logs"
        run, as who may: GRANT INSERT, DELETE ON TABLE "public"."logs" TO "role_NAME";
        table "public"."logs" cannot be changed: ALTER TABLE "public"."logs" ADD COLUMN "more" integer
        run, as the owner of the table, and start again: ALTER TABLE "public"."logs" ADD COLUMN "more" integer;
    "#]].assert_eq(&shown.replace(&world.name, "NAME"));
}

#[tokio::test]
async fn a_role_for_which_everything_was_made_is_told_what_it_needs() {
    let world = World::new().await;
    ready(&mut world.sink(), &plan()).await;
    let database = as_role(&world, "").await;
    let mut sink = sink(&database);
    let mut shown = String::new();
    for _ in 0..2 {
        let error = sink.prepare(&plan()).await.unwrap_err();
        assert!(matches!(error, Error::Privilege { .. }), "{error}");
        let remedy = error.remedy().unwrap();
        shown.push_str(&format!("{error}\n{remedy}\n"));
        world.session.batch_execute(remedy.split_once("may: ").unwrap().1).await.unwrap();
    }
    filled(&mut sink, 2).await;
    assert_eq!(world.blocks().await, [0, 1, 2]);
    expect![[r#"
        role "role_NAME" may not use the bookkeeping in schema ampsync
        run, as who may: GRANT USAGE ON SCHEMA ampsync TO "role_NAME"; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ampsync TO "role_NAME";
        role "role_NAME" may not SELECT, INSERT, DELETE in table "public"."logs"
        run, as who may: GRANT SELECT, INSERT, DELETE ON TABLE "public"."logs" TO "role_NAME";
    "#]].assert_eq(&shown.replace(&world.name, "NAME"));
}

#[tokio::test]
async fn schemas_of_others_are_never_written() {
    let world = World::new().await;
    for schema in ["ampsync", "pg_catalog", "information_schema", "pg_mine"] {
        let mut sink = sink_postgres::PostgresSink::new(
            world.database.clone(),
            ampsync_schema::Ident::new(schema).unwrap(),
        );
        let error = sink.prepare(&plan()).await.unwrap_err();
        assert!(matches!(error, Error::Schema(_)), "{error}");
        assert_eq!(error.fault(), Fault::Permanent);
    }
    let ours = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('ampsync', 'pg_mine')";
    assert_eq!(world.number(ours).await, 0);
}

#[tokio::test]
async fn a_wider_column_that_is_there_takes_the_values_as_they_are() {
    let world = World::new().await;
    let table = "CREATE TABLE logs (data varchar, amounts numeric[], _block_num bigint NOT NULL, \
                 free numeric, amount numeric(40, 6))";
    world.session.batch_execute(table).await.unwrap();
    let decimals =
        |values: Vec<i128>| Decimal128Array::from(values).with_precision_and_scale(20, 2).unwrap();
    let item = Arc::new(Field::new("item", DataType::Decimal128(20, 2), true));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([2]);
    let list = ListArray::new(item, offsets, Arc::new(decimals(vec![5, -1050])), None);
    let amount: ArrayRef = Arc::new(decimals(vec![12_345]));
    let rows = batch(
        &[0],
        vec![
            ("data", Arc::new(StringArray::from(vec!["x"]))),
            ("amount", Arc::clone(&amount)),
            ("free", amount),
            ("amounts", Arc::new(list)),
        ],
    );
    let plan = plan_of("logs", rows.schema().as_ref().clone());
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan).await;
    commit(&mut sink, &[], &[rows], &advance(&start, &[range(0, 0)])).await.unwrap();
    let values =
        world.texts("SELECT data::text, amount::text, free::text, amounts::text FROM logs");
    let expected = ["x", "123.450000", "123.45", "{0.05,-10.50}"].map(|text| Some(text.to_owned()));
    assert_eq!(values.await, [expected]);
}

#[tokio::test]
async fn an_index_needs_the_right_to_create_in_the_schema() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    let grants = "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO ROLE_; \
                  ALTER TABLE logs OWNER TO ROLE_; DROP INDEX logs__block_num_idx; \
                  GRANT USAGE ON SCHEMA ampsync TO ROLE_; \
                  GRANT ALL ON ALL TABLES IN SCHEMA ampsync TO ROLE_";
    let mut sink = sink(&as_role(&world, grants).await);
    // What PostgreSQL itself says to the owner.
    let owner = format!("SET ROLE role_{}; CREATE INDEX ON public.logs (data)", world.name);
    let refused = world.session.batch_execute(&owner).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
    world.session.batch_execute("RESET ROLE").await.unwrap();
    for error in [
        sink.rehearse(&plan(), true).await.map(drop).unwrap_err(),
        sink.prepare(&plan()).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Privilege { .. }), "{error}");
        let grant = format!("GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"role_{}\"", world.name);
        assert!(error.remedy().unwrap().contains(&grant), "{:?}", error.remedy());
    }
    let grant = format!("GRANT USAGE, CREATE ON SCHEMA public TO role_{}", world.name);
    world.session.batch_execute(&grant).await.unwrap();
    ready(&mut sink, &plan()).await;
}
