use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ampsync_testkit::postgres::{Cluster, shared};
use sink_postgres::{ConnectOptions, Error};
use sync_core::{Causes, Classify, Fault};
use tokio::net::TcpListener;

/// Nobody listens on the first port of this machine.
const NOWHERE: &str = "127.0.0.1:1";

/// The shared cluster's superuser, at these addresses.
async fn target(addresses: &[String], more: &str) -> ConnectOptions {
    let config = shared().await.config("postgres");
    let password = std::str::from_utf8(config.get_password().unwrap()).unwrap();
    let addresses = addresses.join(",");
    format!("postgres://postgres:{password}@{addresses}/postgres?sslmode=disable{more}")
        .parse()
        .unwrap()
}

fn text(address: SocketAddr) -> String {
    address.to_string()
}

#[tokio::test]
async fn the_next_host_is_tried_where_one_is_down_or_silent() {
    let good = text(shared().await.addr());
    target(&[NOWHERE.to_owned(), good.clone()], "").await.probe().await.unwrap();

    // It takes connections, as far as the system does, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = text(silent.local_addr().unwrap());
    let begun = Instant::now();
    target(&[silent, good], "&connect_timeout=1").await.probe().await.unwrap();
    // Twice, for two connections.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_each_host_said_is_told() {
    let good = text(shared().await.addr());
    let target = target(&[NOWHERE.to_owned(), good.clone()], "&dbname=none").await;
    let error = target.probe().await.unwrap_err();
    let told = Causes(&error).to_string();
    assert!(matches!(error, Error::Servers { .. }), "{told}");
    assert!(told.contains("127.0.0.1:1: ") && told.contains("refused"), "{told}");
    assert!(told.contains(&format!("{good}: database \"none\" does not exist")), "{told}");
    // The first may come back, and have it.
    assert_eq!(error.fault(), Fault::Transient);
    assert!(error.remedy().unwrap().contains("create the database"));
}

#[tokio::test]
async fn of_several_hosts_one_that_only_reads_is_passed_over() {
    let standby = Cluster::start().await.unwrap();
    // The same password, so that only what they may do tells them apart.
    let password = shared().await.config("postgres").get_password().unwrap().to_vec();
    let password = String::from_utf8(password).unwrap();
    let session = standby.connect("postgres").await.unwrap();
    let alter = format!(
        "ALTER ROLE postgres PASSWORD '{password}'; \
         ALTER ROLE postgres SET default_transaction_read_only = on"
    );
    session.batch_execute(&alter).await.unwrap();

    let (reads, writes) = (text(standby.addr()), text(shared().await.addr()));
    target(&[reads.clone(), writes], "").await.probe().await.unwrap();
    let both = [reads.clone(), NOWHERE.to_owned()];
    let error = target(&both, "").await.probe().await.unwrap_err();
    let told = Causes(&error).to_string();
    assert!(
        told.contains(&format!("{reads}: ")) && told.contains("does not allow writes"),
        "{told}"
    );
    // Who says that any will do gets any.
    target(&both, "&target_session_attrs=any").await.probe().await.unwrap();
}

#[tokio::test]
async fn a_socket_is_found_in_every_form() {
    let cluster = shared().await;
    let (folder, port) = (cluster.socket_folder().display(), cluster.addr().port());
    let encoded = folder.to_string().replace('/', "%2F");
    for text in [
        format!("postgres://postgres@{encoded}:{port}/postgres"),
        format!("postgres://postgres@/postgres?host={folder}&port={port}"),
        format!("host={folder} port={port} user=postgres dbname=postgres sslmode=verify-full"),
    ] {
        text.parse::<ConnectOptions>().unwrap().probe().await.unwrap();
    }
}
