//! Takes the pictures of the live page that the documentation shows.

use std::path::Path;
use std::time::Duration;

use ampsync_testkit::browser::Browser;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nozzle_sim::{Fault, SimConfig, SimServer, Table};
use serde_json::json;
use tonic::Code;

use super::client::ANY_PORT;
use super::served;
use crate::pipe::{Database, start_with};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes docs/live-page*.png, which are then made smaller by pngquant --ext .png --force"]
async fn the_live_page_is_photographed() {
    let tables = vec![
        Table::blocks(),
        Table::logs(),
        Table::transactions(),
        Table::logs().named("transfers"),
        Table::sparse().named("swaps"),
    ];
    let config = SimConfig {
        tables,
        namespace: "my_org".to_owned(),
        dataset: "eth".to_owned(),
        version: "1.0.0".to_owned(),
        network: "mainnet".to_owned(),
        first_block: 24_310_000,
        ..SimConfig::default()
    };
    let sim = SimServer::start(config).await.unwrap();
    sim.mine(900);
    let database = Database::create().await;
    let mut ampsync = start_with(&sim, &database.url(), &[ANY_PORT]);
    let address = served(&mut ampsync);
    database.equals(&sim).await;
    let mut browser = Browser::start().unwrap();
    let size = json!({"width": 1180, "height": 640, "deviceScaleFactor": 1.5, "mobile": false});
    browser.call("Emulation.setDeviceMetricsOverride", &size).unwrap();
    browser.open(&format!("http://{address}/")).unwrap();
    for second in 0..55_u64 {
        sim.mine(1 + second * second * 7 % 5);
        if second == 40 {
            sim.reorg(3);
        }
        if second == 52 {
            let says = "upstream connect error: connection timeout";
            for _ in 0..40 {
                sim.inject_for("swaps", Fault::DoGet(Code::Unavailable, says.to_owned()));
            }
            sim.drop_connections();
        }
        tokio::time::sleep(Duration::from_millis(970)).await;
    }
    browser.wait_until("document.body.innerText.includes('trying again')").unwrap();
    for (look, name) in [("light", "live-page.png"), ("dark", "live-page-dark.png")] {
        let look = json!({"features": [{"name": "prefers-color-scheme", "value": look}]});
        browser.call("Emulation.setEmulatedMedia", &look).unwrap();
        let picture = browser.call("Page.captureScreenshot", &json!({})).unwrap();
        let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        std::fs::write(docs.join(name), picture).unwrap();
    }
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}
