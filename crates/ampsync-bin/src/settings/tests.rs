use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use expect_test::{Expect, expect};
use sync_core::{BeyondRetention, EngineConfig};

use super::*;

const MANIFEST: &str = r#"{"name": "eth", "version": "1.0.0", "namespace": "my",
    "tables": {"blocks": {"sql": "SELECT 1"}, "transfers": {"sql": "SELECT 2"}}}"#;

/// The files there are.
fn file(path: &Path) -> io::Result<String> {
    match path.to_str().unwrap() {
        "nozzle.config.json" => Ok(MANIFEST.to_owned()),
        "nameless.json" => Ok(r#"{"kind": "evm-rpc", "tables": {"logs": {}}}"#.to_owned()),
        "empty.json" => Ok(r#"{"name": "eth"}"#.to_owned()),
        "broken.json" => Ok("{\n  \"name\": 5,\n  \"tables\": []\n}".to_owned()),
        "/run/secrets/url" => Ok("postgres://u:filed@db/app\n".to_owned()),
        "/run/secrets/password" => Ok(" pass word \r\n".to_owned()),
        "/run/secrets/blank" => Ok("\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn map<K: From<&'static str> + Ord>(
    pairs: &[(&'static str, &'static str)],
) -> BTreeMap<K, OsString> {
    pairs.iter().map(|(name, value)| (K::from(name), value.into())).collect()
}

fn read(environment: &[(&'static str, &'static str)]) -> Result<Settings, Mistakes> {
    Settings::read(&Given { flags: BTreeMap::new(), environment: map(environment) }, &file)
}

/// What is enough, and then some more.
fn with(more: &[(&'static str, &'static str)]) -> Result<Settings, Mistakes> {
    let enough = [
        ("DATASET_MANIFEST", "nozzle.config.json"),
        ("DATABASE_URL", "postgres://u:p@db:5433/app"),
    ];
    read(&[&enough, more].concat())
}

fn check(environment: &[(&'static str, &'static str)], expected: Expect) {
    expected.assert_eq(&read(environment).unwrap_err().to_string());
}

fn check_with(more: &[(&'static str, &'static str)], expected: Expect) {
    expected.assert_eq(&with(more).unwrap_err().to_string());
}

#[test]
fn two_variables_are_enough() {
    let settings = with(&[]).unwrap();
    let tables: Vec<_> = settings.dataset.tables().iter().map(ToString::to_string).collect();
    assert_eq!(tables, ["blocks", "transfers"]);
    assert_eq!(settings.dataset.dataset.to_string(), "my/eth@1.0.0");
    assert_eq!(settings.server.endpoint, "http://localhost:1602");
    assert_eq!(settings.server.decode_limit_mib, 32);
    assert_eq!(settings.server.token, None);
    assert_eq!(settings.database.label(), "db:5433/app");
    assert_eq!(settings.database.connections_max.get(), 10);
    assert_eq!(settings.log.filter, "info");
    assert_eq!(settings.health, None);
}

#[test]
fn the_defaults_that_are_told_are_those_of_the_engine() {
    assert_eq!(with(&[]).unwrap().engine, EngineConfig::default());
}

#[test]
fn every_default_and_example_is_one_that_is_taken() {
    for spec in ALL {
        for value in spec.default.into_iter().chain([spec.example]) {
            // Whatever else is missing or in the way, this value is not the reason.
            let mistakes = read(&[(spec.name, value)]).unwrap_err();
            let found = mistakes.0.iter().find(|mistake| mistake.subject == spec.name);
            let missing = found.is_none_or(|mistake| mistake.problem.contains("no such file"));
            assert!(missing, "{}={value}: {found:?}", spec.name);
        }
    }
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let readme = include_str!("../../../../README.md");
    for spec in ALL {
        let file = if spec.file { " *file*" } else { "" };
        let name = format!("| `{}`{file} | ", spec.name);
        let row = readme.lines().find(|line| line.starts_with(&name));
        let row = row.unwrap_or_else(|| panic!("no row starts with {name:?}"));
        let default = spec.default.map_or(String::new(), |default| format!("`{default}` "));
        assert!(row[name.len()..].starts_with(&default), "{row}: expected {default:?}");
        assert!(spec.aliases.iter().all(|alias| row.contains(alias)), "{row}: an alias is missing");
    }
}

#[test]
fn a_dataset_and_tables_need_no_manifest() {
    let settings = read(&[
        ("DATASET", "eth"),
        ("TABLES", " logs , blocks,"),
        ("DATABASE_HOST", "/run/postgresql"),
        ("DATABASE_NAME", "app"),
        ("DATABASE_USER", "me"),
    ]);
    let settings = settings.unwrap();
    let tables: Vec<_> = settings.dataset.tables().iter().map(ToString::to_string).collect();
    assert_eq!(tables, ["logs", "blocks"]);
    assert_eq!(settings.dataset.dataset.to_string(), "eth");
    assert_eq!(settings.database.label(), "/run/postgresql:5432/app");
}

#[test]
fn the_dataset_that_is_named_goes_before_the_manifests_own() {
    let settings = with(&[("DATASET", "other@latest"), ("TABLES", "transfers")]).unwrap();
    assert_eq!(settings.dataset.dataset.to_string(), "_/other@latest");
    assert_eq!(settings.dataset.tables().len(), 1);
}

#[test]
fn every_value_means_what_it_says() {
    let settings = with(&[
        ("AMP_FLIGHT_ADDR", "https://gateway.example.com/"),
        ("AMP_AUTH_TOKEN", "abc"),
        ("REORG_BEYOND_RETENTION", "Resync"),
        ("BATCH_BYTES_MAX", "2 MB"),
        ("MEMORY_LIMIT", "1GiB"),
        ("RETRY_DELAY_MAX_MS", "60000"),
        ("DATABASE_SCHEMA", "My Schema"),
        ("LOG_FORMAT", "json"),
        ("MAX_DB_CONNECTIONS", ""),
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.server.endpoint, "https://gateway.example.com");
    assert_eq!(settings.server.token.unwrap().reveal(), "abc");
    assert_eq!(settings.engine.beyond_retention, BeyondRetention::Resync);
    assert_eq!(settings.engine.batch.bytes_max.get(), 2_000_000);
    assert_eq!(settings.engine.memory_limit_bytes.get(), 1 << 30);
    assert_eq!(settings.engine.retry.delay_max.as_secs(), 60);
    assert_eq!(settings.tables.schema.as_str(), "My Schema");
    assert_eq!(settings.database.connections_max.get(), 10);
}

#[test]
fn with_the_admin_api_the_tables_need_not_be_named() {
    let database = ("DATABASE_URL", "postgres://u:p@db/app");
    let admin = ("AMP_ADMIN_API_ADDR", "https://gateway.example.com/admin/");
    let settings = read(&[("DATASET", "eth@latest"), admin, database]).unwrap();
    assert_eq!(settings.dataset.streams, Streams::AllTables);
    let endpoint = settings.server.admin_endpoint.as_deref();
    assert_eq!(endpoint, Some("https://gateway.example.com/admin"));
}

#[test]
fn the_manifests_own_queries_want_a_manifest_that_has_some() {
    let settings = with(&[("QUERY_MODE", "sql")]).unwrap_err().to_string();
    assert!(settings.contains("tables.blocks: the query 1:1: it reads no table"), "{settings}");
    let settings = read(&[("DATASET", "eth"), ("TABLES", "logs"), ("QUERY_MODE", "sql")]);
    let settings = settings.unwrap_err().to_string();
    assert!(settings.contains("DATASET_MANIFEST: not set: QUERY_MODE=sql"), "{settings}");
    let raw = [("DATASET_MANIFEST", "nameless.json"), ("DATASET", "eth"), ("QUERY_MODE", "sql")];
    let settings = read(&raw).unwrap_err().to_string();
    assert!(settings.contains("QUERY_MODE: nameless.json: tables.logs: the table has no query"));
}

#[test]
fn a_flag_goes_before_the_environment() {
    let given = Given {
        flags: map(&[("TABLES", "blocks"), ("NOZZLE_ENDPOINT", "http://flag")]),
        environment: map(&[
            ("DATASET", "eth"),
            ("TABLES", "not a table"),
            ("AMP_FLIGHT_ADDR", "http://environment"),
            ("DATABASE_URL_FILE", "/run/secrets/url"),
        ]),
    };
    let settings = Settings::read(&given, &file).unwrap();
    assert_eq!(settings.server.endpoint, "http://flag");
    assert_eq!(settings.dataset.tables().len(), 1);
    assert_eq!(settings.database.config.get_password(), Some(&b"filed"[..]));
}

#[test]
fn a_password_keeps_its_spaces_and_loses_the_line_break_of_its_file() {
    let password = |variable, value| {
        let settings = read(&[
            ("DATASET", "eth"),
            ("TABLES", "logs"),
            ("DATABASE_HOST", " db "),
            ("DATABASE_NAME", "app"),
            ("DATABASE_USER", "me"),
            (variable, value),
        ]);
        let config = settings.unwrap().database.config;
        String::from_utf8(config.get_password().unwrap().to_owned()).unwrap()
    };
    assert_eq!(password("DATABASE_PASSWORD", " pass word "), " pass word ");
    assert_eq!(password("DATABASE_PASSWORD_FILE", "/run/secrets/password"), " pass word ");
}

#[test]
fn nothing_given_names_both_that_are_needed() {
    check(
        &[],
        expect![[r#"
        there are 2 mistakes in the configuration

          DATASET_MANIFEST: not set: expected the config or built manifest of the dataset, or DATASET and TABLES instead
              example: DATASET_MANIFEST=./nozzle.config.json
          DATABASE_URL: not set: expected the database to write to, here or in DATABASE_HOST, DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD
              example: DATABASE_URL=postgres://user:password@localhost:5432/app"#]],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    check(
        &[
            ("DATASET_MANIFEST", "nozzle.config.yaml"),
            ("DATASET", "My Data@1"),
            ("TABLES", "a,b,a"),
            ("NOZZLE_ENDPOINT", "localhost:1602"),
            ("NOZZLE_AUTH_TOKEN", "to ken"),
            ("NOZZLE_DECODE_LIMIT_MIB", "4096"),
            ("DATABASE_URL", "mysql://me:hunter2@db/app"),
            ("DATABASE_SCHEMA", "pg_catalog"),
            ("MAX_DB_CONNECTIONS", "1"),
            ("RETENTION_BLOCKS", "63"),
            ("REORG_BEYOND_RETENTION", "panic"),
            ("BATCH_ROWS_MIN", "0"),
            ("BATCH_ROWS_MAX", "-1"),
            ("BATCH_TARGET_MS", "1s"),
            ("BATCH_BYTES_MAX", "50 potatoes"),
            ("MEMORY_LIMIT", "10kB"),
            ("RETRY_DELAY_MIN_MS", "6000"),
            ("RETRY_DELAY_MAX_MS", "5000"),
            ("RETRY_ATTEMPTS", "0"),
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "info,=,="),
        ],
        expect![[r#"
            there are 20 mistakes in the configuration

              DATASET_MANIFEST: expected a file that ends in one of .ts, .mts, .cts, .js, .mjs, .cjs, .json; found "nozzle.config.yaml"
                  example: DATASET_MANIFEST=./nozzle.config.json
              DATASET: expected namespace/name@revision, but "My Data" is not a dataset name: expected lower-case letters, digits and _, not starting with a digit; found "My Data@1"
                  example: DATASET=my_org/eth@1.0.0
              TABLES: expected each table once, but "a" is here twice; found "a,b,a"
                  example: TABLES=blocks,logs
              NOZZLE_ENDPOINT: expected a URL that starts with http:// or https:// and names a host; found "localhost:1602"
                  example: NOZZLE_ENDPOINT=http://localhost:1602
              NOZZLE_AUTH_TOKEN: expected a token of visible ASCII characters, without "Bearer" before it
                  example: NOZZLE_AUTH_TOKEN=eyJhbGciOi...
              NOZZLE_DECODE_LIMIT_MIB: expected a whole number from 1 to 512; found "4096"
                  example: NOZZLE_DECODE_LIMIT_MIB=64
              DATABASE_URL: expected a URL that starts with postgres:// or postgresql://
                  example: DATABASE_URL=postgres://user:password@localhost:5432/app
              MAX_DB_CONNECTIONS: expected a whole number from 2 to 10000; found "1"
                  example: MAX_DB_CONNECTIONS=10
              DATABASE_SCHEMA: expected a schema that is not PostgreSQL's own; found "pg_catalog"
                  example: DATABASE_SCHEMA=public
              RETENTION_BLOCKS: expected a whole number from 64 to 1000000000; found "63"
                  example: RETENTION_BLOCKS=10000
              REORG_BEYOND_RETENTION: expected stop or resync; found "panic"
                  example: REORG_BEYOND_RETENTION=resync
              MEMORY_LIMIT: expected a number of bytes from 1 MiB on, such as 1048576 or 64MiB; found "10kB"
                  example: MEMORY_LIMIT=1GiB
              BATCH_ROWS_MIN: expected a whole number from 1 to 100000000; found "0"
                  example: BATCH_ROWS_MIN=100
              BATCH_ROWS_MAX: expected a whole number from 1 to 100000000; found "-1"
                  example: BATCH_ROWS_MAX=50000
              BATCH_BYTES_MAX: expected a number of bytes from 1 MiB on, such as 1048576 or 64MiB; found "50 potatoes"
                  example: BATCH_BYTES_MAX=50MiB
              BATCH_TARGET_MS: expected a whole number from 1 to 3600000; found "1s"
                  example: BATCH_TARGET_MS=1000
              RETRY_ATTEMPTS: expected a whole number from 1 to 1000; found "0"
                  example: RETRY_ATTEMPTS=5
              RETRY_DELAY_MIN_MS, RETRY_DELAY_MAX_MS: the lower bound is above the upper one
                  the default of RETRY_DELAY_MAX_MS is 5000
              LOG_FORMAT: expected text or json; found "xml"
                  example: LOG_FORMAT=json
              RUST_LOG: expected a level (error, warn, info, debug, trace), or module=level pairs; found "info,=,="
                  example: RUST_LOG=info,sync_core=debug"#]],
    );
}

#[test]
fn a_broken_manifest_is_told_place_by_place() {
    let database = ("DATABASE_URL", "postgres://u:p@db/app");
    check(
        &[("DATASET_MANIFEST", "broken.json"), database],
        expect![[r#"
            there are 2 mistakes in the configuration

              DATASET_MANIFEST: broken.json:2:11: name: expected a name, found the number 5
                    |
                  2 |   "name": 5,
                    |           ^
                  write it as a text
              DATASET_MANIFEST: broken.json:3:13: tables: expected an object of tables by name, found an array
                    |
                  3 |   "tables": []
                    |             ^
                  write an object such as {"logs": {"sql": "SELECT ..."}}"#]],
    );
}

#[test]
fn conflicts_are_mistakes() {
    check_with(
        &[
            ("DATABASE_HOST", "db"),
            ("DATABASE_PASSWORD", "hunter2"),
            ("NOZZLE_ENDPOINT", "http://one"),
            ("AMP_FLIGHT_ADDR", "http://two"),
            ("NOZZLE_AUTH_TOKEN", "hunter3"),
            ("AMP_AUTH_TOKEN", "hunter4"),
            ("TABLES", "block,transfers,zzz"),
        ],
        expect![[r#"
            there are 5 mistakes in the configuration

              TABLES: the manifest nozzle.config.json has no table "block"
                  did you mean blocks?
              TABLES: the manifest nozzle.config.json has no table "zzz"
                  it has: blocks, transfers
              NOZZLE_ENDPOINT, AMP_FLIGHT_ADDR: both are set, to different values
                  set one of the two
              NOZZLE_AUTH_TOKEN, AMP_AUTH_TOKEN: both are set, to different values
                  set one of the two
              DATABASE_URL, DATABASE_HOST, DATABASE_PASSWORD: the database is given twice
                  set DATABASE_URL alone, or DATABASE_HOST and what belongs to it"#]],
    );
}

#[test]
fn the_same_value_twice_is_no_conflict() {
    let same = [("NOZZLE_ENDPOINT", "http://one"), ("AMP_FLIGHT_ADDR", "http://one")];
    assert_eq!(with(&same).unwrap().server.endpoint, "http://one");
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    check(
        &[("DATASET", "eth"), ("DATABASE_PASSWORD", "hunter2"), ("DATABSE_HOST", "db")],
        expect![[r#"
            there are 4 mistakes in the configuration

              TABLES: not set: expected the tables to sync, since there is neither a manifest nor an Admin API to list them
                  example: TABLES=blocks,logs
              DATABASE_HOST: not set: expected it beside the other parts of the database; DATABSE_HOST is set, is it misspelt?
                  example: DATABASE_HOST=localhost
              DATABASE_NAME: not set: expected it beside the other parts of the database
                  example: DATABASE_NAME=app
              DATABASE_USER: not set: expected it beside the other parts of the database
                  example: DATABASE_USER=ampsync"#]],
    );
}

#[test]
fn a_manifest_that_says_too_little_is_completed() {
    let database = ("DATABASE_URL", "postgres://u:p@db/app");
    check(
        &[("DATASET_MANIFEST", "nameless.json"), database],
        expect![[r#"
        there is a mistake in the configuration

          DATASET: not set: expected the dataset's name, since the manifest has none
              example: DATASET=my_org/eth@1.0.0"#]],
    );
    check(
        &[("DATASET_MANIFEST", "empty.json"), database],
        expect![[r#"
            there is a mistake in the configuration

              DATASET_MANIFEST: empty.json:1:1: the dataset has no tables
                    |
                  1 | {"name": "eth"}
                    | ^
                  add "tables": {"logs": {"sql": "SELECT ..."}}"#]],
    );
    check(
        &[("DATASET_MANIFEST", "missing.json"), database],
        expect![[r#"
        there is a mistake in the configuration

          DATASET_MANIFEST: missing.json: there is no such file
              check the path, which starts in the working directory unless it is absolute"#]],
    );
}

#[test]
fn files_that_cannot_be_read_are_mistakes() {
    check(
        &[
            ("DATASET_MANIFEST", "broken.json"),
            ("DATABASE_URL_FILE", "/run/secrets/none"),
            ("NOZZLE_AUTH_TOKEN_FILE", "/run/secrets/blank"),
        ],
        expect![[r#"
            there are 4 mistakes in the configuration

              DATASET_MANIFEST: broken.json:2:11: name: expected a name, found the number 5
                    |
                  2 |   "name": 5,
                    |           ^
                  write it as a text
              DATASET_MANIFEST: broken.json:3:13: tables: expected an object of tables by name, found an array
                    |
                  3 |   "tables": []
                    |             ^
                  write an object such as {"logs": {"sql": "SELECT ..."}}
              NOZZLE_AUTH_TOKEN_FILE: the value is blank
                  write a value, or leave it unset
              DATABASE_URL_FILE: the file /run/secrets/none cannot be read: entity not found
                  name a text file with nothing in it but the value"#]],
    );
}

#[test]
fn a_database_url_is_refused_without_repeating_it() {
    for (url, expected) in [
        ("db/app", "starts with postgres://"),
        ("host=db password=hunter2", "starts with postgres://"),
        ("mysql://u:hunter2@db/app", "starts with postgres://"),
        ("postgres://u:hunter2@x@db/app", "%40"),
        ("postgres://u:hunter2@db:port/app", "percent-encoded"),
        ("postgres://u:hunter2@db/app?hunter2=1", "percent-encoded"),
        ("postgres://u:hunter2@db/app?sslmode=verify-full", "TLS to PostgreSQL is not supported"),
        ("postgres://u:hunter2@db/app?sslmode=require", "TLS to PostgreSQL is not supported"),
        ("postgres://u:hunter2@db", "names a database"),
        ("postgres://db/app", "names a user"),
        ("postgres://u:hunter2@/app", "names a host"),
    ] {
        let mistakes = read(&[("DATABASE_URL", url)]).unwrap_err().to_string();
        assert!(mistakes.contains(expected), "{url}: {mistakes}");
        assert!(!mistakes.contains("hunter2"), "{url}: {mistakes}");
    }
}

#[test]
fn what_a_database_url_may_have_is_taken() {
    for url in [
        "postgres://u@db/app",
        "postgresql://u:p%40ss@[::1]:5433/app?sslmode=disable",
        "postgres://u:p@db/app?sslmode=prefer&connect_timeout=3",
        "postgres://u:p@%2Frun%2Fpostgresql/app",
        "postgres://u:p@a,b/app",
        "postgres://u:a/b?c#d@db/app",
        "postgres://u:p@db/app?options=-c%20synchronous_commit%3Don",
    ] {
        let mistakes = read(&[("DATABASE_URL", url)]).unwrap_err().to_string();
        assert!(!mistakes.contains("DATABASE_URL"), "{url}: {mistakes}");
    }
}

#[test]
fn settings_print_without_secrets() {
    let settings = with(&[("NOZZLE_AUTH_TOKEN", "hunter2"), ("DATABASE_SCHEMA", "s")]).unwrap();
    let printed = format!("{settings:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("\"p\""), "{printed}");
}

#[test]
fn settings_that_are_printed_show_no_secret() {
    let parts = [
        ("DATASET_MANIFEST", "nozzle.config.json"),
        ("DATABASE_HOST", "db"),
        ("DATABASE_NAME", "app"),
        ("DATABASE_USER", "me"),
        ("DATABASE_PASSWORD", "hunter2"),
        ("NOZZLE_AUTH_TOKEN", "hunter3"),
    ];
    let url = [("DATABASE_URL", "postgres://me:hunter2@db/app"), ("AMP_AUTH_TOKEN", "hunter3")];
    for settings in [read(&parts).unwrap(), with(&url).unwrap()] {
        let text = format!("{settings:?} {settings:#?}");
        assert!(!text.contains("hunter") && text.contains("***"), "{text}");
        let bytes = b"hunter".map(|byte| byte.to_string()).join(", ");
        assert!(!text.contains(&bytes), "{text}");
    }
}
