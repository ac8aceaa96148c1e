use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use nozzle_sim::Table;
use prometheus_parse::{Sample, Scrape, Value};

use super::client::{ANY_PORT, get};
use super::{Watched, until, until_table};
use crate::pipe::start_with;

const DOCUMENT: &str = include_str!("../../../../../docs/metrics.md");

/// The metrics that the documentation has, with their types.
pub(super) fn documented() -> BTreeMap<&'static str, &'static str> {
    let rows =
        DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `ampsync_")?.split_once("` | "));
    let found = rows.map(|(name, rest)| {
        let start = DOCUMENT.find(&format!("`ampsync_{name}`")).unwrap() + 1;
        let name = &DOCUMENT[start..start + "ampsync_".len() + name.len()];
        (name, rest.split(" | ").next().unwrap())
    });
    found.collect()
}

/// What a metric is called, of which a sample is a part.
fn family<'a>(sample: &'a str, types: &BTreeMap<&str, &str>) -> &'a str {
    let parts = ["_bucket", "_sum", "_count"].iter();
    let mut bases = parts.filter_map(|part| sample.strip_suffix(part));
    bases.find(|base| types.get(base) == Some(&"histogram")).unwrap_or(sample)
}

fn scrape(text: &str) -> Vec<Sample> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    Scrape::parse(lines).unwrap().samples
}

/// The one sample of this metric with these labels.
fn number(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &&Sample| {
        let has = |(name, value): &(&str, &str)| sample.labels.get(name) == Some(value);
        sample.metric == name && labels.iter().all(has)
    };
    let found: Vec<_> = samples.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
    match &found[0].value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => *number,
        other @ (Value::Histogram(_) | Value::Summary(_)) => panic!("{name}: {other:?}"),
    }
}

/// The types that the text itself declares.
fn declared(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    lines.collect()
}

/// What Prometheus' own parser and linter say, where they are installed.
fn assert_linted(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    let Ok(mut promtool) = promtool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        println!("skipped: promtool is not installed");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_metric_is_told_of_a_running_sync_and_no_other() {
    let watched = Watched::start(vec![Table::blocks(), Table::logs()]).await;
    watched.cut_off();
    until(watched.address, "/readyz", |answer| answer.code == 503).await;
    watched.proxy.accept();
    watched.sim.reorg(3);
    watched.sim.mine(2);
    watched.settles().await;
    until_table(watched.address, "logs", |table| table["lag_blocks"] == 0).await;

    let answer = get(watched.address, "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.body;
    assert_linted(&text);
    let types = declared(&text);
    assert_eq!(types, documented());
    let samples = scrape(&text);
    let told: BTreeSet<_> = samples.iter().map(|sample| family(&sample.metric, &types)).collect();
    let missing: Vec<_> = types.keys().filter(|name| !told.contains(*name)).collect();
    assert!(missing.is_empty(), "no value of {missing:?} in:\n{text}");
    assert_eq!(told.len(), types.len());
    for sample in &samples {
        for label in sample.labels.keys() {
            let row = DOCUMENT
                .lines()
                .find(|line| line.contains(&format!("`{}` |", family(&sample.metric, &types))));
            let known = label == "le" || row.is_some_and(|row| row.contains(&format!("`{label}`")));
            assert!(known, "{sample:?} has a label that is not documented");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_what_happened() {
    let watched = Watched::start(vec![Table::blocks(), Table::logs()]).await;
    watched.sim.mine(2);
    watched.sim.reorg(4);
    watched.settles().await;
    watched.cut_off();
    let failed = |table: &serde_json::Value| table["retries"]["database"].as_u64() >= Some(1);
    until_table(watched.address, "logs", failed).await;
    let samples = scrape(&get(watched.address, "/metrics").body);
    assert_eq!(number(&samples, "ampsync_ready", &[]), 0.0);
    assert!(
        number(&samples, "ampsync_retries_total", &[("table", "logs"), ("class", "database")])
            >= 1.0
    );
    watched.proxy.accept();
    watched.settles().await;
    let head = watched.sim.chain().head().unwrap().number;
    until_table(watched.address, "logs", |table| {
        table["state"] == "live" && table["cursor_block"] == head
    })
    .await;

    let samples = scrape(&get(watched.address, "/metrics").body);
    let logs = [("table", "logs")];
    let of_logs = |name| number(&samples, name, &logs);
    let network = watched.sim.config().network.clone();
    let of_chain = |name| number(&samples, name, &[("table", "logs"), ("network", &network)]);
    let head = f64::from(u32::try_from(head).unwrap());
    assert_eq!(of_chain("ampsync_cursor_block"), head);
    assert_eq!(of_chain("ampsync_provisional_block"), head);
    assert_eq!(of_chain("ampsync_head_block"), head);
    assert_eq!(of_chain("ampsync_lag_blocks"), 0.0);
    assert_eq!(
        number(&samples, "ampsync_table_state", &[("table", "logs"), ("state", "live")]),
        1.0
    );
    let states: f64 = ["starting", "standby", "not_ready", "catching_up", "backing_off", "stopped"]
        .map(|state| {
            number(&samples, "ampsync_table_state", &[("table", "logs"), ("state", state)])
        })
        .iter()
        .sum();
    assert_eq!(states, 0.0);
    let rows = watched.database.count("SELECT count(*) FROM logs").await;
    let rows = f64::from(u32::try_from(rows).unwrap());
    assert_eq!(of_logs("ampsync_rows_total") - of_logs("ampsync_reorg_rows_total"), rows);
    assert!(of_logs("ampsync_reorgs_total") >= 1.0);
    assert!(of_logs("ampsync_restarts_total") >= 1.0);
    assert_eq!(of_logs("ampsync_table_ready"), 1.0);
    assert_eq!(number(&samples, "ampsync_memory_limit_bytes", &[]), 268_435_456.0);
    assert_eq!(number(&samples, "ampsync_database_connections_max", &[]), 10.0);
    assert!(number(&samples, "ampsync_database_connections", &[("state", "used")]) >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_tells_that_it_stands_by() {
    let watched = Watched::start(vec![Table::blocks()]).await;
    let mut second = start_with(&watched.sim, &watched.database.url(), &[ANY_PORT]);
    let address = super::served(&mut second);
    until_table(address, "blocks", |table| table["state"] == "standby").await;
    let samples = scrape(&get(address, "/metrics").body);
    let standby = [("table", "blocks"), ("state", "standby")];
    assert_eq!(number(&samples, "ampsync_table_state", &standby), 1.0);
    assert_eq!(number(&samples, "ampsync_ready", &[]), 1.0);
}
