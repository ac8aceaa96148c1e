use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::Signal;

use super::client::{ANY_PORT, PATHS, get, request, send};
use super::served;
use crate::process::{Running, run};

/// Waits for a database that is not there.
const WAITING: [(&str, &str); 3] =
    [("DATASET", "eth"), ("TABLES", "logs"), ("DATABASE_URL", "postgres://me:pw@127.0.0.1:1/app")];

fn waiting() -> (Running, SocketAddr) {
    let mut ampsync = Running::start(&[WAITING.as_slice(), &[ANY_PORT]].concat());
    let address = served(&mut ampsync);
    (ampsync, address)
}

#[test]
fn a_port_that_is_taken_is_a_mistake() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = run(&[WAITING.as_slice(), &[("HEALTH_PORT", &address)]].concat());
    assert_eq!(code, Some(2), "{text}");
    let problem = format!("HEALTH_PORT: cannot listen on {address}: Address already in use");
    assert!(text.contains(&problem), "{text}");
    assert!(text.contains("another process has this port"), "{text}");
}

#[test]
fn an_address_that_the_machine_does_not_have_is_a_mistake() {
    let (code, text) = run(&[WAITING.as_slice(), &[("HEALTH_PORT", "192.0.2.1:8080")]].concat());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("the machine does not have this address"), "{text}");
}

#[test]
fn nothing_listens_unless_it_is_asked_for() {
    let mut ampsync = Running::start(&WAITING);
    ampsync.wait_for("trying again");
    ampsync.signal(Signal::TERM);
    let (status, log) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("served"), "{log}");
}

#[test]
fn every_path_is_answered_and_the_others_are_told_which_there_are() {
    let (_ampsync, address) = waiting();
    for path in PATHS {
        let answer = get(address, path);
        let expected = if ["/readyz", "/healthz"].contains(&path) { 503 } else { 200 };
        assert_eq!(answer.code, expected, "{path}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let head = request(address, "HEAD", path);
        assert_eq!((head.code, head.body.as_str()), (expected, ""), "{path}");
    }
    for path in ["/metric", "/status/", "//", "/%2e%2e/etc/passwd", "/?x=1/../livez2", "/livez/x"] {
        let answer = get(address, path);
        if path.starts_with("/?") {
            assert_eq!(answer.code, 200, "a query changes nothing: {answer:?}");
            continue;
        }
        assert_eq!(answer.code, 404, "{path}: {answer:?}");
        assert!(PATHS.iter().all(|path| answer.body.contains(path)), "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = request(address, method, "/status");
        assert_eq!(answer.code, 405, "{method}: {answer:?}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let (_ampsync, address) = waiting();
    assert_eq!(send(address, "hello\r\n\r\n").code, 400);
    let long = format!("GET /livez HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    assert_eq!(send(address, &long).code, 431);
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(200));
    assert_eq!(send(address, &many).code, 431);
    // A body that never comes is not waited for.
    let body = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\r\n");
    assert_eq!(send(address, &body).code, 200);
    assert_eq!(get(address, "/livez").code, 200);
}

#[test]
fn clients_that_hold_connections_open_keep_nobody_waiting() {
    let (ampsync, address) = waiting();
    let half = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /status HTTP/1.1\r\nHost: ").unwrap();
        stream
    };
    let mut held: Vec<TcpStream> = (0..200).map(half).collect();
    for path in PATHS {
        assert!([200, 503].contains(&get(address, path).code), "{path}");
    }
    // The oldest had to make room, and the youngest is given up before long.
    let is_closed = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        match stream.read_to_end(&mut Vec::new()) {
            Ok(_) => true,
            // What was left unread makes it a reset.
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    };
    assert!(is_closed(&mut held[0]));
    assert!(is_closed(&mut held[199]));
    // Those that are still there do not hold up the end.
    let _late: Vec<TcpStream> = (0..10).map(half).collect();
    ampsync.signal(Signal::TERM);
    let (status, log) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(TcpStream::connect(address).is_err());
}
