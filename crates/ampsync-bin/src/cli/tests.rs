use expect_test::expect_file;
use sink_postgres::ResetRows;

use super::*;
use crate::settings::{ALL, flag};

fn words(words: &[&str]) -> Vec<OsString> {
    std::iter::once(&"ampsync").chain(words).map(OsString::from).collect()
}

fn refused(arguments: &[&str]) -> String {
    let error = parse(words(arguments)).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{arguments:?}");
    error.to_string()
}

#[test]
fn flags_come_before_or_after_the_verb_or_without_it() {
    for arguments in [
        words(&["--tables", "a"]),
        words(&["sync", "--tables=a"]),
        words(&["--tables", "a", "sync"]),
        words(&["--tables", "b", "sync", "--tables", "a"]),
    ] {
        let line = parse(arguments).unwrap();
        assert_eq!(line.verb, Verb::Sync);
        assert_eq!(line.flags.get("TABLES").unwrap(), "a");
    }
}

#[test]
fn a_verb_has_flags_of_its_own() {
    let line = parse(words(&["schema", "--diff", "--out=x", "--layout", "refinery", "--tables=a"]));
    let line = line.unwrap();
    let layout = ampsync_schema::migration::Layout::Refinery;
    let out = tables::Out { folder: "x".into(), layout, name: None };
    let request = tables::Request { diff: true, ask_server: false, out: Some(out) };
    assert_eq!(line.verb, Verb::Schema(request));
    assert_eq!(line.flags.get("TABLES").unwrap(), "a");
    let line = parse(words(&["reset", "--drop", "-y", "a", "s.b"])).unwrap();
    let tables = vec!["a".to_owned(), "s.b".to_owned()];
    let request = forget::Request { tables, rows: ResetRows::DropTable, yes: true };
    assert_eq!(line.verb, Verb::Reset(request));
    for wrong in [
        &["schema", "--layout=sqlx"][..],
        &["schema", "--out=x", "--layout=y"],
        &["sync", "--diff"],
        &["reset"],
        &["reset", "--drop", "--keep-rows", "a"],
        &["status", "--json", "--long"],
        &["completions"],
        &["completions", "csh"],
    ] {
        refused(wrong);
    }
}

#[test]
fn a_flag_that_means_nothing_to_a_verb_is_refused_wherever_it_stands() {
    for arguments in [["status", "--tables=a"], ["--tables=a", "status"]] {
        assert!(refused(&arguments).contains("--tables"), "{arguments:?}");
    }
    let line = parse(words(&["--database-url=x", "status", "logs"])).unwrap();
    assert_eq!(line.flags.get("DATABASE_URL").unwrap(), "x");
}

#[test]
fn an_unknown_flag_is_a_mistake_in_the_usage() {
    refused(&["--tabels", "a"]);
    refused(&["resync"]);
    assert_eq!(parse(words(&["--help"])).unwrap_err().exit_code(), 0);
}

#[test]
fn every_setting_has_a_flag_and_is_documented() {
    command().debug_assert();
    let help = command().render_long_help().to_string();
    for spec in ALL {
        assert!(help.contains(&format!("--{}", flag(spec.name))), "{}", spec.name);
        assert!(!spec.doc.is_empty() && !spec.example.is_empty(), "{}", spec.name);
    }
}

#[test]
fn the_short_help_is_one_screen_for_who_begins() {
    let help = command().render_help().to_string();
    expect_file!["snapshots/help.txt"].assert_eq(&help);
}

#[test]
fn every_verb_shows_how_it_is_used() {
    for verb in command().get_subcommands_mut() {
        let help = verb.render_long_help().to_string();
        assert!(help.contains("Examples:"), "{}", verb.get_name());
    }
}
