use ampsync_testkit::postgres;
use expect_test::{Expect, expect};
use nozzle_sim::{SimConfig, SimServer, Table};

use super::{BUILT, Files};
use crate::pipe::{Database, start_with};
use crate::process::ampsync;

/// Tables and columns that are none of the manifest's.
const MISSPELT: &str = r#"
[tables.transfer]
name = "x"

[tables.transfers]
columns = ["from", "valeu"]
where = "vlaue <> '0' AND \"to\" IS NOT NULL AND transfers.nothing > 1"
primary_key = ["to"]

[[tables.transfers.indexes]]
columns = ["from", "to"]

[tables.transfers.types]
from = "numeric"

[tables.logs.types]
topic = "hex"
data = "bigint"
_block_num = "text"

[tables.logs.comments]
adress = "who"

[[tables.logs.indexes]]
columns = ["data"]
method = "gin"
"#;

/// What is said of these options beside the built manifest, with a database that must stay empty.
async fn check(options: &str, more: &[(&str, &str)], expected: Expect) {
    let cluster = postgres::shared().await;
    let database = cluster.create_database().await.unwrap();
    let files = Files::new(&[("manifest.json", BUILT), ("ampsync.toml", options)]);
    let url = cluster.url(&database);
    let mut environment = vec![
        ("DATASET_MANIFEST", "manifest.json"),
        ("DATASET", "my/tokens@1.0.0"),
        ("AMPSYNC_CONFIG", "ampsync.toml"),
        ("DATABASE_URL", &url),
    ];
    environment.extend(more);
    let output = ampsync(&environment).current_dir(files.folder()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    expected.assert_eq(&text);
    let session = cluster.connect(&database).await.unwrap();
    assert_eq!(tables(&session).await, 0);
}

async fn tables(session: &postgres::Session) -> i64 {
    let tables = "SELECT count(*) FROM pg_tables \
                  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    session.query_one(tables, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn tables_and_columns_that_are_not_there_are_told_with_what_was_meant() {
    check(MISSPELT, &[("LOG_FORMAT", "xml")], expect![[r#"
        ampsync: there are 11 mistakes in the configuration

          AMPSYNC_CONFIG: ampsync.toml:2:9: tables: there is no table "transfer"
                |
              2 | [tables.transfer]
                |         ^
              did you mean transfers?
          AMPSYNC_CONFIG: ampsync.toml:17:1: tables.logs.types.topic: the table has no column "topic"
                 |
              17 | topic = "hex"
                 | ^
              did you mean topic0?
          AMPSYNC_CONFIG: ampsync.toml:18:1: tables.logs.types.data: column "data": Arrow type Binary cannot become bigint; it can become hex
                 |
              18 | data = "bigint"
                 | ^
              correct it, or leave it out
          AMPSYNC_CONFIG: ampsync.toml:19:1: tables.logs.types._block_num: the block column "_block_num" is always bigint, not text
                 |
              19 | _block_num = "text"
                 | ^
              correct it, or leave it out
          AMPSYNC_CONFIG: ampsync.toml:22:1: tables.logs.comments.adress: the table has no column "adress"
                 |
              22 | adress = "who"
                 | ^
              did you mean address?
          AMPSYNC_CONFIG: ampsync.toml:6:20: tables.transfers.columns: the table has no column "valeu"
                |
              6 | columns = ["from", "valeu"]
                |                    ^
              did you mean value?
          AMPSYNC_CONFIG: ampsync.toml:7:10: tables.transfers.where: the table has no column "vlaue"
                |
              7 | where = "vlaue <> '0' AND \"to\" IS NOT NULL AND transfers.nothing > 1"
                |          ^
              did you mean value?
          AMPSYNC_CONFIG: ampsync.toml:8:16: tables.transfers.primary_key: "to" is not among the table's `columns`
                |
              8 | primary_key = ["to"]
                |                ^
              add it there, or remove it here
          AMPSYNC_CONFIG: ampsync.toml:11:20: tables.transfers.indexes[0].columns: "to" is not among the table's `columns`
                 |
              11 | columns = ["from", "to"]
                 |                    ^
              add it there, or remove it here
          AMPSYNC_CONFIG: ampsync.toml:14:1: tables.transfers.types.from: column "from": Arrow type FixedSizeBinary(20) cannot become numeric; it can become hex
                 |
              14 | from = "numeric"
                 | ^
              correct it, or leave it out
          LOG_FORMAT: expected text or json; found "xml"
              example: LOG_FORMAT=json
    "#]]).await;
}

#[tokio::test]
async fn a_wrong_value_does_not_hide_a_wrong_column() {
    let options = r#"
[tables.transfers.types]
value = "numerc"

[[tables.transfers.indexes]]
columns = ["form"]
"#;
    check(options, &[], expect![[r#"
        ampsync: there are 2 mistakes in the configuration

          AMPSYNC_CONFIG: ampsync.toml:3:9: tables.transfers.types.value: expected one of bigint, numeric, numeric(78,0), text, hex, jsonb; found "numerc"
                |
              3 | value = "numerc"
                |         ^
              did you mean numeric?
          AMPSYNC_CONFIG: ampsync.toml:6:12: tables.transfers.indexes[0].columns: the table has no column "form"
                |
              6 | columns = ["form"]
                |            ^
              did you mean from?
    "#]]).await;
}

#[tokio::test]
async fn tables_that_cannot_be_beside_each_other_are_a_mistake() {
    let options = r#"
[tables.logs]
name = "all"
schema = "eth"
[tables.transfers]
name = "all"
schema = "eth"
"#;
    check(options, &[], expect![[r#"
        ampsync: there is a mistake in the configuration

          AMPSYNC_CONFIG: ampsync.toml:5:9: tables.transfers: logs and transfers are both called "eth"."all"
                |
              5 | [tables.transfers]
                |         ^
              give one of the two another `name` or `schema` in AMPSYNC_CONFIG
    "#]]).await;
    let options = r#"
[tables.logs]
name = "transfers_from_idx"
[[tables.transfers.indexes]]
columns = ["from"]
"#;
    check(options, &[], expect![[r#"
        ampsync: there is a mistake in the configuration

          AMPSYNC_CONFIG: ampsync.toml:4:10: tables.transfers: "public"."transfers_from_idx" is the name of a table and of an index of "public"."transfers"
                |
              4 | [[tables.transfers.indexes]]
                |          ^
              give one of the two another `name` or `schema` in AMPSYNC_CONFIG
    "#]]).await;
}

#[tokio::test]
async fn defaults_that_are_none_and_files_that_are_not_there_are_mistakes() {
    let more = [
        ("AMPSYNC_CONFIG", "nowhere.toml"),
        ("NUL_IN_TEXT", "keep"),
        ("VALUES_OUT_OF_RANGE", "clamp"),
        ("DATABASE_SCHEMA", "ampsync"),
    ];
    check("", &more, expect![[r#"
        ampsync: there are 4 mistakes in the configuration

          DATABASE_SCHEMA: expected another schema than ampsync, which is for what ampsync remembers; found "ampsync"
              example: DATABASE_SCHEMA=public
          NUL_IN_TEXT: expected error or strip; found "keep"
              example: NUL_IN_TEXT=strip
          VALUES_OUT_OF_RANGE: expected error or null; found "clamp"
              example: VALUES_OUT_OF_RANGE=null
          AMPSYNC_CONFIG: nowhere.toml: there is no such file
              check the path, which starts in the working directory unless it is absolute
    "#]]).await;
    check(
        "",
        &[("AMPSYNC_CONFIG", "ampsync.yaml")],
        expect![[r#"
        ampsync: there is a mistake in the configuration

          AMPSYNC_CONFIG: expected a file that ends in .toml; found "ampsync.yaml"
              example: AMPSYNC_CONFIG=./ampsync.toml
    "#]],
    )
    .await;
}

#[tokio::test]
async fn without_a_manifest_the_tables_are_those_that_are_named() {
    let more = [("DATASET_MANIFEST", ""), ("TABLES", "transfers")];
    check(
        "[tables.transferz]\nname = \"x\"\n",
        &more,
        expect![[r#"
        ampsync: there is a mistake in the configuration

          AMPSYNC_CONFIG: ampsync.toml:1:9: tables: there is no table "transferz"
                |
              1 | [tables.transferz]
                |         ^
              did you mean transfers?
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_only_the_server_knows_to_be_wrong_stops_the_table() {
    let sim = SimServer::start(SimConfig { tables: vec![Table::logs()], ..SimConfig::default() });
    let sim = sim.await.unwrap();
    sim.mine(20);
    for (options, expected) in [
        (
            "[tables.logs]\ncolumns = [\"log_indx\", \"data\"]\nwhere = \"adress IS NOT NULL\"",
            &[
                "ampsync.toml:2:12: the table has no column \\\"log_indx\\\"; did you mean \\\"log_index\\\"?",
                "ampsync.toml:3:10: the table has no column \\\"adress\\\"; did you mean \\\"address\\\"?",
            ][..],
        ),
        (
            "[tables.logs.types]\nlog_indx = \"text\"",
            &["log_indx", "did you mean \\\"log_index\\\"?"],
        ),
    ] {
        let database = Database::create().await;
        let files = Files::new(&[("ampsync.toml", options)]);
        let path = files.path("ampsync.toml");
        let more = [("AMPSYNC_CONFIG", path.to_str().unwrap()), ("LOG_FORMAT", "json")];
        let (status, text) = start_with(&sim, &database.url(), &more).end();
        assert_eq!(status.code(), Some(3), "{text}");
        for expected in expected {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert_eq!(tables(&database.session).await, 0, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_only_the_admin_api_knows_to_be_wrong_is_a_mistake() {
    let sim = SimServer::start(SimConfig { tables: vec![Table::logs()], ..SimConfig::default() });
    let sim = sim.await.unwrap();
    let database = Database::create().await;
    let files = Files::new(&[("ampsync.toml", "[tables.log]\nname = \"x\"")]);
    let (path, admin) = (files.path("ampsync.toml"), sim.admin_endpoint());
    let more = [
        ("AMPSYNC_CONFIG", path.to_str().unwrap()),
        ("NOZZLE_ADMIN_ENDPOINT", admin.as_str()),
        ("TABLES", ""),
    ];
    let (status, text) = start_with(&sim, &database.url(), &more).end();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("there is no table \"log\"") && text.contains("did you mean logs?"));
    assert_eq!(tables(&database.session).await, 0);
}
