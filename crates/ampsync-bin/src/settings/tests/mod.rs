//! What is given, and what the program means by it; `mistakes.rs` has what is refused.

mod mistakes;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use expect_test::Expect;
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

pub(super) fn read(environment: &[(&'static str, &'static str)]) -> Result<Settings, Mistakes> {
    Settings::read(&Given { flags: BTreeMap::new(), environment: map(environment) }, &file)
}

/// What is enough, and then some more.
pub(super) fn with(more: &[(&'static str, &'static str)]) -> Result<Settings, Mistakes> {
    let enough = [
        ("DATASET_MANIFEST", "nozzle.config.json"),
        ("DATABASE_URL", "postgres://u:p@db:5433/app"),
    ];
    read(&[&enough, more].concat())
}

fn check(environment: &[(&'static str, &'static str)], expected: Expect) {
    expected.assert_eq(&read(environment).unwrap_err().to_string());
}

pub(super) fn check_with(more: &[(&'static str, &'static str)], expected: Expect) {
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
fn the_readme_lists_what_is_commonly_set_with_its_default() {
    let readme = include_str!("../../../../../README.md");
    for spec in ALL.iter().filter(|spec| spec.common) {
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
    assert_eq!(settings.database.config.config().get_password(), Some(&b"filed"[..]));
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
        String::from_utf8(config.config().get_password().unwrap().to_owned()).unwrap()
    };
    assert_eq!(password("DATABASE_PASSWORD", " pass word "), " pass word ");
    assert_eq!(password("DATABASE_PASSWORD_FILE", "/run/secrets/password"), " pass word ");
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
