use ampsync_testkit::proxy::PgProxy;
use rustix::process::Signal;

use super::{World, config, stop};
use crate::http::browser::{PAGE, browser, says};
use crate::http::client::{ANY_PORT, address, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_with_its_place_and_the_running_plan_goes_on() {
    let world = World::new().await;
    world.replace("sim.json", &config(&["blocks", "logs"]));
    let mut ampsync = world.start("sim.json", &[ANY_PORT]);
    let http = address(&ampsync.wait_for("the live page are served")).unwrap();
    world.equal(&["blocks", "logs"]).await;
    assert!(get(http, "/status").json()["reload"].is_null());

    world.replace("sim.json", "{\n  \"name\": 5,\n  \"tables\": []\n}");
    ampsync.wait_for("mistake");
    ampsync.wait_for("sim.json:2:11");
    ampsync.wait_for("the settings were not reloaded: the tables go on as before");
    world.sim.mine(10);
    world.sim.reorg(5);
    world.equal(&["blocks", "logs"]).await;
    let status = get(http, "/status").json();
    assert_eq!(status["reload"]["outcome"], "failed");
    assert!(status["reload"]["error"].as_str().unwrap().contains("sim.json:2:11"), "{status}");
    assert_eq!(status["ready"], true);
    let metrics = get(http, "/metrics").body;
    assert!(metrics.contains("\nampsync_reload_ok 0\n"), "{metrics}");
    assert!(metrics.contains("ampsync_reloads_total{outcome=\"failed\"} 1\n"), "{metrics}");

    world.replace("sim.json", &config(&["blocks", "logs", "sparse"]));
    ampsync.wait_for("the settings were reloaded");
    world.equal(&["blocks", "logs", "sparse"]).await;
    let status = get(http, "/status").json();
    assert_eq!(status["reload"]["outcome"], "applied");
    assert_eq!(status["reload"]["added"], serde_json::json!(["sparse"]));
    assert!(get(http, "/metrics").body.contains("\nampsync_reload_ok 1\n"));
    assert_eq!(world.streams("blocks"), 1);
    assert_eq!(world.streams("logs"), 1);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_the_server_does_not_have_is_named_and_nothing_is_touched() {
    let world = World::new().await;
    world.replace("sim.json", &config(&["blocks", "logs"]));
    let mut ampsync = world.start("sim.json", &[]);
    world.equal(&["blocks", "logs"]).await;
    world.replace("sim.json", &config(&["blocks", "ghost"]));
    let line = ampsync.wait_for("the settings were not reloaded: the tables go on as before");
    assert!(line.contains("ghost"), "{line}");
    world.sim.mine(10);
    world.equal(&["blocks", "logs"]).await;
    world.replace("sim.json", &config(&["blocks", "sparse"]));
    ampsync.wait_for("the settings were reloaded");
    world.equal(&["blocks", "sparse"]).await;
    assert_eq!(world.streams("blocks"), 1);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_has_changed_is_named_and_waits_for_a_restart() {
    let world = World::new().await;
    world.replace("sim.json", &config(&["logs"]));
    world.replace("token", "hunter2");
    let token = world.path("token");
    let mut ampsync = world.start("sim.json", &[("NOZZLE_AUTH_TOKEN_FILE", token.as_str())]);
    world.equal(&["logs"]).await;
    world.replace("token", "hunter3");
    let line = ampsync.wait_for("which takes a restart to have an effect");
    assert!(line.contains("NOZZLE_AUTH_TOKEN"), "{line}");
    ampsync.wait_for("the tables stay as they are");
    world.sim.mine(10);
    world.equal(&["logs"]).await;
    assert_eq!(world.streams("logs"), 1);
    assert!(!stop(ampsync).contains("hunter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_process_in_the_midst_of_a_reload() {
    let world = World::new().await;
    world.replace("sim.config.ts", &world.sim.config_ts());
    let ampsync = world.start("sim.config.ts", &[]);
    world.equal(&["logs"]).await;
    world.replace("sim.config.ts", "while (true) {}\nexport default {};\n");
    ampsync.signal(Signal::HUP);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_by_itself() {
    let world = World::new().await;
    world.replace("sim.json", &config(&["logs"]));
    let proxy = PgProxy::start(world.database.addr()).await.unwrap();
    let url = world.database.url_via(proxy.addr());
    let mut ampsync = world.start("sim.json", &[ANY_PORT, ("DATABASE_URL", &url)]);
    let http = address(&ampsync.wait_for("the live page are served")).unwrap();
    world.equal(&["logs"]).await;
    // Connections that are open go on; a new one is not to be had.
    proxy.refuse();
    world.replace("sim.json", &config(&["logs", "sparse"]));
    for _ in 0..2 {
        let line = ampsync.wait_for("the settings were not reloaded");
        assert!(line.contains("the database cannot be used"), "{line}");
        assert!(line.contains("retried=true"), "{line}");
    }
    assert_eq!(get(http, "/status").json()["reload"]["retried"], true);
    let metrics = get(http, "/metrics").body;
    assert!(metrics.contains("ampsync_reloads_total{outcome=\"failed\"} 1\n"), "{metrics}");
    world.sim.mine(10);
    world.equal(&["logs"]).await;
    proxy.accept();
    ampsync.wait_for("added=\"sparse\"");
    world.equal(&["logs", "sparse"]).await;
    assert_eq!(world.streams("logs"), 1);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_how_the_last_reload_came_out() {
    let Some(mut browser) = browser() else { return };
    let world = World::new().await;
    world.replace("sim.json", &config(&["blocks"]));
    let mut ampsync = world.start("sim.json", &[ANY_PORT]);
    let http = address(&ampsync.wait_for("the live page are served")).unwrap();
    world.equal(&["blocks"]).await;
    browser.open(&format!("http://{http}/")).unwrap();
    browser.wait_until(&says(PAGE, "buffered")).unwrap();
    world.replace("sim.json", "{\n  \"name\": 5,\n  \"tables\": []\n}");
    browser.wait_until(&says(PAGE, "the settings could not be read again")).unwrap();
    browser.wait_until(&says(PAGE, "sim.json:2:11")).unwrap();
    world.replace("sim.json", &config(&["blocks", "logs"]));
    browser.wait_until(&says(PAGE, "settings: applied")).unwrap();
    let told = browser.evaluate(&says(PAGE, "could not be read again")).unwrap();
    assert_eq!(told, serde_json::Value::Bool(false));
    assert_eq!(browser.complaints(), Vec::<serde_json::Value>::new());
    stop(ampsync);
}
