//! The live page, as it is seen in a real browser.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use ampsync_testkit::browser::{Browser, BrowserError};
use nozzle_sim::{Fault, Table};
use rustix::process::Signal;
use serde_json::{Value, json};
use tonic::Code;

use super::client::{ANY_PORT, get};
use super::{Watched, served};
use crate::process::Running;

/// A browser, or the reason why there is none here, told and taken for an answer.
pub(crate) fn browser() -> Option<Browser> {
    match Browser::start() {
        Ok(browser) => Some(browser),
        Err(BrowserError::Missing(missing)) => {
            println!("skipped: {missing}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// A cell of a table's row, as JavaScript.
fn cell(table: &str, cell: &str) -> String {
    format!("document.querySelector('[data-table={table}] [data-cell={cell}]').innerText")
}

pub(crate) fn says(of: &str, text: &str) -> String {
    format!("({of}).includes({})", json!(text))
}

const OVERALL: &str = "document.getElementById('overall').innerText";
pub(crate) const PAGE: &str = "document.body.innerText";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_rows_as_they_come_a_reorg_an_outage_and_its_end() {
    let Some(mut browser) = browser() else { return };
    let watched = Watched::start(vec![Table::blocks(), Table::logs()]).await;
    browser.open(&format!("http://{}/", watched.address)).unwrap();
    browser.wait_until(&format!("{OVERALL} === 'ready'")).unwrap();
    for table in ["blocks", "logs"] {
        browser.wait_until(&says(&cell(table, "state"), "live")).unwrap();
        browser.wait_until(&format!("{}.startsWith('none')", cell(table, "reorg"))).unwrap();
    }
    // Rows that come are shown without loading the page again.
    let block = |browser: &mut Browser| {
        let head = watched.sim.chain().head().unwrap().number;
        let text =
            format!("{}.split('\\n')[0].replaceAll(',', '') === '{head}'", cell("logs", "block"));
        browser.wait_until(&text).unwrap();
    };
    block(&mut browser);
    watched.sim.mine(1_300);
    block(&mut browser);
    let line =
        "document.querySelector('[data-table=logs] .line').getAttribute('d').split('L').length";
    browser.wait_until(&format!("{line} > 2")).unwrap();

    watched.sim.reorg(5);
    browser.wait_until(&says(&cell("logs", "reorg"), "ago")).unwrap();
    browser.wait_until(&says(&cell("logs", "reorg"), "deep")).unwrap();
    watched.settles().await;

    watched.cut_off();
    browser.wait_until(&says(&cell("logs", "state"), "trying again")).unwrap();
    browser.wait_until(&says(PAGE, "onnect to the database")).unwrap();
    browser
        .wait_until("document.querySelector('.error:not([hidden]) b').innerText.length > 0")
        .unwrap();
    browser
        .wait_until(&format!("{OVERALL} === 'not ready' && document.title.startsWith('! ')"))
        .unwrap();
    watched.proxy.accept();
    watched.sim.mine(1);
    browser.wait_until(&format!("{OVERALL} === 'ready' && document.title === 'ampsync'")).unwrap();
    browser.wait_until("document.querySelector('.error:not([hidden])') === null").unwrap();
    block(&mut browser);
    assert_eq!(browser.complaints(), Vec::<Value>::new());

    watched.ampsync.signal(Signal::KILL);
    browser.wait_until(&says(PAGE, "ampsync does not answer")).unwrap();
    browser.wait_until(&format!("{OVERALL} === 'no answer'")).unwrap();
    // What it last said is still there.
    assert_eq!(browser.evaluate(&says(&cell("logs", "state"), "live")).unwrap(), Value::Bool(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_is_shown_as_text() {
    let Some(mut browser) = browser() else { return };
    let watched = Watched::start(vec![Table::blocks()]).await;
    browser.open(&format!("http://{}/", watched.address)).unwrap();
    let markup =
        "<img src=x onerror=\"window.harmed = true\"><script>window.harmed = true</script>";
    for _ in 0..5 {
        watched.sim.inject(Fault::DoGet(Code::Internal, markup.to_owned()));
    }
    watched.sim.drop_connections();
    browser.wait_until(&says(PAGE, "<img src=x onerror=")).unwrap();
    assert_harmless(&mut browser);
}

fn assert_harmless(browser: &mut Browser) {
    let harm = "window.harmed || document.images.length || document.scripts.length - 1";
    assert_eq!(browser.evaluate(&format!("Boolean({harm})")).unwrap(), Value::Bool(false));
    assert_eq!(browser.complaints(), Vec::<Value>::new());
}

#[test]
fn names_that_are_markup_are_shown_as_text() {
    let Some(mut browser) = browser() else { return };
    let mut ampsync = Running::start(&[
        ("DATASET", "eth"),
        ("TABLES", "logs"),
        ("DATABASE_URL", "postgres://me@127.0.0.1:1/app"),
        ANY_PORT,
    ]);
    let page = get(served(&mut ampsync), "/");
    let policy = page.header("content-security-policy").unwrap().to_owned();
    let name = "<img src=x onerror=window.harmed=true>";
    let problem = json!({
        "at": name, "class": name, "message": name,
        "remedy": "</script><script>window.harmed = true</script>",
    });
    let table = json!({
        "table": name, "state": name, "since": name, "network": name, "rows": 7, "bytes": 5,
        "reorgs": 1, "last_reorg": {"at": name, "depth_blocks": 2, "rows": 3}, "error": problem,
    });
    let status = json!({
        "version": name, "dataset": name, "now": "2026-03-01T12:00:00.000Z", "started": name,
        "uptime_seconds": 5, "ready": false, "stage": "running", "tables": [table],
        "reasons": [{"reason": name, "error": name, "remedy": name}],
        "database_connections": {"used": 1, "idle": 0, "max": name, "waiting": 0},
        "buffered_bytes": 0, "memory_limit_bytes": 1,
        "reload": {"at": name, "cause": name, "outcome": "failed", "error": name, "retried": false},
    });
    let address = impersonate(page.body, policy, status.to_string());
    browser.open(&format!("http://{address}/")).unwrap();
    let shown = format!("document.querySelector('.name').innerText === {}", json!(name));
    browser.wait_until(&shown).unwrap();
    browser.wait_until(&says(PAGE, "</script><script>")).unwrap();
    assert_harmless(&mut browser);
    // Not only the page's care, but the policy too keeps it from being run.
    browser.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.harmed=true>')").unwrap();
    let added = "const s = document.createElement('script'); s.text = 'window.harmed = true'; document.body.append(s)";
    browser.evaluate(&format!("(() => {{ {added} }})()")).unwrap();
    assert_eq!(browser.evaluate("Boolean(window.harmed)").unwrap(), Value::Bool(false));
}

/// Serves the page with another status: one that the binary would never have.
fn impersonate(page: String, policy: String, status: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the process of the test.
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let path = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let (kind, body) = match path.contains("/status") {
                true => ("application/json", &status),
                false => ("text/html; charset=utf-8", &page),
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Security-Policy: {policy}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            // A browser that has gone does not matter.
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    address
}
