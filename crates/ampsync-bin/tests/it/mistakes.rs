use std::fs;

use ampsync_testkit::postgres;

use crate::process::{ampsync, run};

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://me:hunter2@localhost/app");

/// A config with one table, in a folder that goes when it is dropped.
fn config(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn nothing_set_is_told_what_to_set() {
    let (code, text) = run(&[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("DATASET_MANIFEST: not set"), "{text}");
    assert!(text.contains("DATABASE_URL: not set"), "{text}");
}

#[test]
fn an_extension_that_is_none_of_a_config_is_a_mistake() {
    let (_folder, path) = config("nozzle.config.yaml", "name: eth");
    let (code, text) = run(&[("DATASET_MANIFEST", &path), DATABASE]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("DATASET_MANIFEST") && text.contains(".json"), "{text}");
}

#[test]
fn a_script_is_told_where_it_lacks_something() {
    let (_folder, path) = config("nozzle.config.ts", "export default {}");
    let (code, text) = run(&[("DATASET_MANIFEST", &path), DATABASE]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("nozzle.config.ts:1:16: the dataset's `name` is missing"), "{text}");
}

#[test]
fn a_config_that_is_not_json_is_told_line_and_column() {
    let (_folder, path) = config("nozzle.config.json", "{\n  \"name\": eth\n}");
    let (code, text) = run(&[("DATASET_MANIFEST", &path), DATABASE]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("nozzle.config.json:2:11: the file is not JSON"), "{text}");
}

#[test]
fn a_config_that_is_not_there_is_a_mistake() {
    let (code, text) = run(&[("DATASET_MANIFEST", "none/nozzle.config.json"), DATABASE]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("none/nozzle.config.json: there is no such file"), "{text}");
}

#[test]
fn a_config_is_found_by_a_relative_path() {
    let (folder, _) = config("nozzle.config.json", r#"{"name": 5}"#);
    let mut command = ampsync(&[("DATASET_MANIFEST", "./nozzle.config.json"), DATABASE]);
    let output = command.current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("./nozzle.config.json:1:10: name"), "{text}");
}

#[test]
fn a_database_url_is_refused_without_its_password() {
    for url in ["mysql://me:hunter2@localhost/app", "postgres://me:hunter2@localhost:x/app"] {
        let (code, text) = run(&[("DATASET", "eth"), ("TABLES", "logs"), ("DATABASE_URL", url)]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("DATABASE_URL: expected") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_flag_that_is_not_known_is_a_mistake() {
    let output = ampsync(&[]).arg("--databse-url=x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn help_and_version_are_no_failure() {
    for argument in ["--help", "--version"] {
        let output = ampsync(&[]).arg(argument).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("ampsync"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_mistake_and_is_not_repeated() {
    let cluster = postgres::shared().await;
    let url = format!("postgres://postgres:hunter2@{}/postgres", cluster.addr());
    let (code, text) = run(&[("DATASET", "eth"), ("TABLES", "logs"), ("DATABASE_URL", &url)]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("28P01") && text.contains("password"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_a_mistake() {
    let cluster = postgres::shared().await;
    let url = cluster.url("no_such_database");
    let (code, text) = run(&[("DATASET", "eth"), ("TABLES", "logs"), ("DATABASE_URL", &url)]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("3D000") && text.contains("no_such_database"), "{text}");
}

#[test]
fn what_is_told_of_the_tables_is_checked_with_everything_else() {
    let channel = "c".repeat(64);
    let (code, text) =
        run(&[("NOTIFY_CHANNEL", channel.as_str()), ("HEAD_PROBE", "never"), ("PROGRESS", "on")]);
    assert_eq!(code, Some(2), "{text}");
    for expected in [
        "NOTIFY_CHANNEL: expected the name of a channel, but",
        "has 64 bytes, PostgreSQL keeps 63",
        "HEAD_PROBE: expected off, or a whole number from 1 to 3600; found \"never\"",
        "PROGRESS: expected auto or off; found \"on\"",
        "DATABASE_URL: not set",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
}
