use ampsync_testkit::postgres::Session;
use expect_test::expect;
use nozzle_sim::{SimConfig, SimServer, Table};

use super::{schema, sql};
use crate::options::{BUILT, Files};
use crate::pipe::Database;

const OPTIONS: &str = r#"
[tables.transfers]
name = "erc20"
schema = "defi"
comment = "it's tokens"
columns = ["to", "value"]
where = "value <> '0'"
indexes = [{ columns = ["to"] }]
types = { value = "numeric" }
comments = { value = "in wei" }
[tables.logs]
schema = "defi"
columns = ["log_index"]
primary_key = ["_block_num", "log_index"]
"#;

/// Everything in the database that is not PostgreSQL's own.
async fn relations(session: &Session) -> Vec<String> {
    let query = "SELECT c.oid::regclass || ' ' || c.relkind::text FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1";
    session.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_built_manifest_is_all_that_is_needed() {
    let files = Files::new(&[("manifest.json", BUILT), ("ampsync.toml", OPTIONS)]);
    let environment = [
        ("DATASET_MANIFEST", "manifest.json"),
        ("DATASET", "my/tokens@1.0.0"),
        ("AMPSYNC_CONFIG", "ampsync.toml"),
        // Nobody listens there.
        ("NOZZLE_ENDPOINT", "http://127.0.0.1:1"),
        ("NOZZLE_ADMIN_ENDPOINT", "http://127.0.0.1:1"),
    ];
    expect![[r#"
        -- logs of my/tokens@1.0.0, columns as the manifest declares them
        CREATE SCHEMA IF NOT EXISTS "defi";

        CREATE TABLE "defi"."logs" (
            "_block_num" bigint NOT NULL,
            "log_index" bigint NOT NULL,
            CONSTRAINT "logs_pkey" PRIMARY KEY ("_block_num", "log_index")
        );

        -- transfers of my/tokens@1.0.0, columns as the manifest declares them
        CREATE TABLE "defi"."erc20" (
            "_block_num" bigint NOT NULL,
            "to" bytea NOT NULL,
            "value" numeric
        );

        CREATE INDEX "erc20__block_num_idx" ON "defi"."erc20" USING btree ("_block_num");

        CREATE INDEX "erc20_to_idx" ON "defi"."erc20" USING btree ("to");

        COMMENT ON TABLE "defi"."erc20" IS E'it''s tokens';

        COMMENT ON COLUMN "defi"."erc20"."value" IS E'in wei';
    "#]]
    .assert_eq(&sql(files.folder(), &environment, &[]));
    let without = [environment[0], environment[1], ("TABLES", "transfers")];
    expect![[r#"
        -- transfers of my/tokens@1.0.0, columns as the manifest declares them
        CREATE TABLE "public"."transfers" (
            "_block_num" bigint NOT NULL,
            "from" bytea NOT NULL,
            "to" bytea NOT NULL,
            "value" text
        );

        CREATE INDEX "transfers__block_num_idx" ON "public"."transfers" USING btree ("_block_num");
    "#]]
    .assert_eq(&sql(files.folder(), &without, &[]));
    let answer = schema(files.folder(), &environment, &["--ask-server"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""), "{}", answer.log);
    assert!(answer.log.contains("cannot be resolved"), "{}", answer.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_manifest_the_server_is_asked_and_a_difference_is_found() {
    let tables = vec![Table::blocks(), Table::logs(), Table::transactions(), Table::sparse()];
    let sim = SimServer::start(SimConfig { tables, ..SimConfig::default() }).await.unwrap();
    let database = Database::create().await;
    let files =
        Files::new(&[("ampsync.toml", "[tables.sparse]\ncolumns = [\"amount\", \"note\"]")]);
    let (endpoint, admin) = (sim.endpoint(), sim.admin_endpoint());
    let (dataset, url) = (sim.config().dataset_ref(), database.url());
    let environment = [
        ("DATASET", dataset.as_str()),
        ("NOZZLE_ENDPOINT", &endpoint),
        ("NOZZLE_ADMIN_ENDPOINT", &admin),
        ("AMPSYNC_CONFIG", "ampsync.toml"),
        ("DATABASE_URL", &url),
    ];
    let run = |arguments: &[&str]| sql(files.folder(), &environment, arguments);
    let created = run(&[]);
    assert!(created.starts_with("-- blocks of _/sim@0.0.1, columns as the server streams them\n"));
    assert_eq!(created.matches("CREATE TABLE").count(), 4, "{created}");
    // Everything is missing, and asking changes nothing.
    assert_eq!(run(&["--diff"]), created);
    assert!(relations(&database.session).await.is_empty());
    database.session.batch_execute(&created).await.unwrap();
    let there = relations(&database.session).await;
    assert_eq!(run(&["--diff"]), "");
    // Nullable columns, indexes and comments are added; nothing else is told.
    files.write(
        "ampsync.toml",
        "[tables.sparse]\ncomment = \"few\"\ncolumns = [\"amount\", \"note\", \"label\"]\n\
         [[tables.blocks.indexes]]\ncolumns = [\"hash\"]",
    );
    let added = run(&["--diff"]);
    expect![[r#"
        -- blocks of _/sim@0.0.1, columns as the server streams them
        CREATE INDEX "blocks_hash_idx" ON "public"."blocks" USING btree ("hash");

        -- sparse of _/sim@0.0.1, columns as the server streams them
        ALTER TABLE "public"."sparse" ADD COLUMN "label" text;
        COMMENT ON TABLE "public"."sparse" IS E'few';
    "#]]
    .assert_eq(&added);
    assert_eq!(relations(&database.session).await, there);
    database.session.batch_execute(&added).await.unwrap();
    assert_eq!(run(&["--diff"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_hold_the_stream_is_told_beside_the_statements() {
    let database = Database::create().await;
    let create = "CREATE TABLE transfers (_block_num bigint NOT NULL, \"from\" bytea NOT NULL, \
                  \"to\" text NOT NULL, mine text NOT NULL); CREATE INDEX ON transfers (_block_num)";
    database.session.batch_execute(create).await.unwrap();
    let files = Files::new(&[("manifest.json", BUILT)]);
    let url = database.url();
    let environment = [
        ("DATASET_MANIFEST", "manifest.json"),
        ("DATASET", "my/tokens@1.0.0"),
        ("TABLES", "transfers"),
        ("DATABASE_URL", url.as_str()),
    ];
    let difference = sql(files.folder(), &environment, &["--diff"]);
    expect![[r#"
        -- transfers of my/tokens@1.0.0, columns as the manifest declares them
        -- conflict: column "to" should be bytea and is text
        ALTER TABLE "public"."transfers" ALTER COLUMN "to" TYPE bytea USING decode(regexp_replace("to", '^0x', ''), 'hex');
        -- conflict: column "mine" should be nullable or with a default (the stream does not have it) and is text NOT NULL
        ALTER TABLE "public"."transfers" ALTER COLUMN "mine" DROP NOT NULL;
        ALTER TABLE "public"."transfers" ADD COLUMN "value" text;
    "#]].assert_eq(&difference);
    database.session.batch_execute(&difference).await.unwrap();
    assert_eq!(sql(files.folder(), &environment, &["--diff"]), "");
}

#[test]
fn what_cannot_be_is_a_mistake_and_what_does_not_work_a_failure() {
    let files = Files::new(&[("manifest.json", BUILT)]);
    let manifest = [("DATASET_MANIFEST", "manifest.json"), ("DATASET", "tokens")];
    let answer = schema(files.folder(), &[&manifest[..], &[("TABLES", "transfer")]].concat(), &[]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.log.contains("did you mean transfers?"), "{}", answer.log);
    let answer = schema(files.folder(), &manifest, &["--diff"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.log.contains("DATABASE_URL: not set"), "{}", answer.log);
    let url = ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/app");
    let answer = schema(files.folder(), &[&manifest[..], &[url]].concat(), &["--diff"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""), "{}", answer.log);
    assert!(answer.log.contains("127.0.0.1:1/app") && !answer.log.contains("hunter2"));
}
