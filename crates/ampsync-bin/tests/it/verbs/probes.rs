//! What images, shells and newcomers ask.

use std::net::TcpListener;

use nozzle_sim::Table;

use super::run;
use crate::pipe::{Database, simulate, start_with};

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_asks_the_process_and_only_if_wanted_its_tables() {
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(3);
    let database = Database::create().await;
    let port = format!("127.0.0.1:{}", free_port());
    let health = [("HEALTH_PORT", port.as_str())];
    let away = run(&health, &["healthcheck"]);
    assert_eq!(away.code, Some(1), "{}", away.log);
    let _running = start_with(&sim, &database.url(), &health);
    database.equals(&sim).await;
    for arguments in [&["healthcheck"][..], &["healthcheck", "--ready"]] {
        let answer = run(&health, arguments);
        assert_eq!(answer.code, Some(0), "{arguments:?}: {}{}", answer.out, answer.log);
    }
    let unset = run(&[], &["healthcheck"]);
    assert_eq!(unset.code, Some(1), "{}", unset.log);
    assert!(unset.log.contains("HEALTH_PORT"), "{}", unset.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_waits_for_its_database_is_alive_and_not_ready() {
    let port = format!("127.0.0.1:{}", free_port());
    let mut running = crate::process::Running::start(&[
        ("DATASET", "_/sim@0.0.1"),
        ("TABLES", "blocks"),
        ("DATABASE_URL", "postgres://a:b@127.0.0.1:1/x"),
        ("HEALTH_PORT", &port),
    ]);
    running.wait_for("the database cannot be used yet");
    let health = [("HEALTH_PORT", port.as_str())];
    assert_eq!(run(&health, &["healthcheck"]).code, Some(0));
    let ready = run(&health, &["healthcheck", "--ready"]);
    assert_eq!(ready.code, Some(1), "{}{}", ready.out, ready.log);
}

#[test]
fn completions_are_there_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let answer = run(&[], &["completions", shell]);
        assert_eq!(answer.code, Some(0), "{}", answer.log);
        assert!(answer.out.contains("healthcheck"), "{shell}");
    }
}

#[test]
fn a_newcomer_is_told_what_is_needed_at_the_least() {
    let nothing = run(&[], &[]);
    assert_eq!(nothing.code, Some(2));
    for text in ["DATABASE_URL", "DATASET", "ampsync --help"] {
        assert!(nothing.log.contains(text), "no {text:?} in:\n{}", nothing.log);
    }
    for verb in ["sync", "check", "schema", "status", "reset", "healthcheck", "completions"] {
        let help = run(&[], &[verb, "--help"]);
        assert_eq!(help.code, Some(0), "{}", help.log);
        assert!(help.out.contains("ampsync "), "{verb} has no example:\n{}", help.out);
    }
}
