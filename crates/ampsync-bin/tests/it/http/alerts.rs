//! What is built on the metrics: alert rules and the dashboard.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::metrics::documented;

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(deploy(path)).unwrap()
}

/// The names of metrics in a text, without what the parts of a histogram add.
fn metrics(text: &str) -> BTreeSet<&str> {
    let types = documented();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("ampsync_"));
    let base = |name| {
        let mut bases =
            ["_bucket", "_sum", "_count"].iter().filter_map(|part| str::strip_suffix(name, *part));
        bases.find(|base| types.get(base) == Some(&"histogram")).unwrap_or(name)
    };
    names.map(base).collect()
}

#[test]
fn alerts_and_the_dashboard_use_documented_metrics_alone() {
    let documented = documented();
    for path in [
        "prometheus/ampsync.rules.yaml",
        "prometheus/ampsync.rules.test.yaml",
        "grafana/ampsync.json",
    ] {
        let text = text(path);
        let used = metrics(&text);
        assert!(used.len() >= 10, "{path}: only {used:?} were found");
        let unknown: Vec<_> = used.iter().filter(|name| !documented.contains_key(*name)).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?} are not in docs/metrics.md");
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let text = text("grafana/ampsync.json");
    let shown = metrics(&text);
    // What the state of a table says as well, or a stat of all of them.
    let left_out = ["ampsync_ready", "ampsync_last_commit_timestamp_seconds"];
    let missing: Vec<_> = documented()
        .into_keys()
        .filter(|name| !shown.contains(name) && !left_out.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not on the dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "an id is used twice");
}

/// Every alert of the rules.
fn alerts() -> Vec<String> {
    let text = text("prometheus/ampsync.rules.yaml");
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_alert_is_tested() {
    let tests = text("prometheus/ampsync.rules.test.yaml");
    let alerts = alerts();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} is not tested");
    }
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    let folder = deploy("prometheus");
    for arguments in
        [["check", "rules", "ampsync.rules.yaml"], ["test", "rules", "ampsync.rules.test.yaml"]]
    {
        let output = Command::new("promtool").args(arguments).current_dir(&folder).output();
        let Ok(output) = output else {
            println!("skipped: promtool is not installed");
            return;
        };
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
