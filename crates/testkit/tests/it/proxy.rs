use std::io::Cursor;
use std::pin::pin;

use ampsync_testkit::postgres::{Session, connect, shared};
use ampsync_testkit::proxy::{Fault, Moment, PgProxy, Proxy, Shape};
use futures::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct World {
    proxy: PgProxy,
    database: String,
    direct: Session,
}

impl World {
    async fn new() -> Self {
        let cluster = shared().await;
        let database = cluster.create_database().await.unwrap();
        let direct = cluster.connect(&database).await.unwrap();
        direct.batch_execute("CREATE TABLE t (n int)").await.unwrap();
        Self { proxy: PgProxy::start(cluster.addr()).await.unwrap(), database, direct }
    }

    async fn connect(&self) -> Result<Session, tokio_postgres::Error> {
        let url = shared().await.url_via(self.proxy.addr(), &self.database);
        connect(&url.parse().unwrap()).await
    }

    async fn rows(&self) -> i64 {
        self.direct.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn a_commit_whose_reply_is_dropped_is_carried_out() {
    let world = World::new().await;
    let mut session = world.connect().await.unwrap();
    let struck = world.proxy.inject(Fault::DropCommitReply);
    let txn = session.transaction().await.unwrap();
    txn.execute("INSERT INTO t VALUES (1)", &[]).await.unwrap();
    txn.commit().await.unwrap_err();
    struck.await;
    assert_eq!(world.rows().await, 1);
    assert_eq!(world.proxy.commits(), 1);
    let mut session = world.connect().await.unwrap();
    let txn = session.transaction().await.unwrap();
    txn.execute("INSERT INTO t VALUES (2)", &[]).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!((world.rows().await, world.proxy.commits()), (2, 2));
}

#[tokio::test]
async fn a_prepared_commit_is_seen_as_well() {
    let world = World::new().await;
    let session = world.connect().await.unwrap();
    let struck = world.proxy.inject(Fault::DropCommitReply);
    session.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    session.execute("COMMIT", &[]).await.unwrap_err();
    struck.await;
    assert_eq!(world.rows().await, 1);
}

#[tokio::test]
async fn a_commit_that_is_never_forwarded_is_undone() {
    let world = World::new().await;
    let session = world.connect().await.unwrap();
    let struck = world.proxy.inject(Fault::NeverForwardCommit);
    session.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    session.batch_execute("COMMIT").await.unwrap_err();
    struck.await;
    assert_eq!((world.rows().await, world.proxy.commits()), (0, 0));
}

#[tokio::test]
async fn a_refused_commit_leaves_the_fault_to_the_next() {
    let world = World::new().await;
    let deferred = "CREATE TABLE u (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)";
    world.direct.batch_execute(deferred).await.unwrap();
    let session = world.connect().await.unwrap();
    let struck = world.proxy.inject(Fault::DropCommitReply);
    session.batch_execute("BEGIN; INSERT INTO u VALUES (1), (1)").await.unwrap();
    let refused = session.batch_execute("COMMIT").await.unwrap_err();
    assert!(refused.as_db_error().is_some());
    session.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    session.batch_execute("COMMIT").await.unwrap_err();
    struck.await;
    assert_eq!(world.rows().await, 1);
}

#[tokio::test]
async fn faults_strike_in_order_and_on_any_connection() {
    let world = World::new().await;
    let first = world.proxy.inject(Fault::NeverForwardCommit);
    let second = world.proxy.inject(Fault::DropCommitReply);
    for n in 0..3 {
        let session = world.connect().await.unwrap();
        session.batch_execute(&format!("BEGIN; INSERT INTO t VALUES ({n})")).await.unwrap();
        let committed = session.batch_execute("COMMIT").await.is_ok();
        assert_eq!(committed, n == 2);
    }
    first.await;
    second.await;
    assert_eq!(world.rows().await, 2);
}

#[tokio::test]
async fn a_stalled_commit_has_happened_and_is_answered_after_the_stall() {
    let world = World::new().await;
    let session = world.connect().await.unwrap();
    let struck = world.proxy.inject(Fault::StallCommitReply);
    session.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    let mut commit = pin!(session.batch_execute("COMMIT"));
    tokio::select! {
        _ = &mut commit => panic!("answered during the stall"),
        () = struck => {}
    }
    assert_eq!(world.proxy.commits(), 1);
    world.proxy.resume();
    commit.await.unwrap();
    assert_eq!(world.rows().await, 1);
}

#[tokio::test]
async fn a_copy_is_cut_after_so_many_bytes() {
    let world = World::new().await;
    let struck = world.proxy.inject(Fault::CutAfterCopyBytes(100_000));
    for (lines, arrives) in [(10_000, true), (60_000, false), (60_000, true)] {
        let session = world.connect().await.unwrap();
        let mut copy = Box::pin(session.copy_in("COPY t FROM STDIN").await.unwrap());
        let mut fed = true;
        for _ in 0..lines / 1_000 {
            fed = fed && copy.send(Cursor::new(b"7\n".repeat(1_000))).await.is_ok();
        }
        assert_eq!(fed && copy.as_mut().finish().await.is_ok(), arrives, "{lines} lines");
    }
    struck.await;
    assert_eq!(world.rows().await, 70_000);
}

/// A server that sends back what it is sent.
async fn echo() -> (std::net::SocketAddr, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let mut peers = tokio::task::JoinSet::new();
        loop {
            let (mut peer, _) = listener.accept().await.unwrap();
            peers.spawn(async move {
                let (mut from, mut to) = peer.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
            });
        }
    });
    (addr, tasks)
}

async fn round_trip(peer: &mut TcpStream) -> std::io::Result<u8> {
    peer.write_u8(42).await?;
    peer.read_u8().await
}

#[tokio::test]
async fn connections_are_cut_and_refused_on_demand() {
    let (addr, _echo) = echo().await;
    let proxy = Proxy::start(addr).await.unwrap();
    let mut peer = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(round_trip(&mut peer).await.unwrap(), 42);
    proxy.refuse();
    assert_eq!(round_trip(&mut peer).await.unwrap(), 42, "an old connection goes on");
    let mut refused = TcpStream::connect(proxy.addr()).await.unwrap();
    round_trip(&mut refused).await.unwrap_err();
    proxy.accept();
    proxy.cut();
    round_trip(&mut peer).await.unwrap_err();
    let mut peer = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(round_trip(&mut peer).await.unwrap(), 42);
    assert_eq!(proxy.connections(), 3);
}

#[tokio::test]
async fn a_stall_holds_bytes_and_loses_none() {
    let (addr, _echo) = echo().await;
    let proxy = Proxy::start(addr).await.unwrap();
    let mut peer = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(round_trip(&mut peer).await.unwrap(), 42);
    proxy.stall();
    peer.write_u8(1).await.unwrap();
    // Other connections are stalled too: this one is not even answered.
    let mut other = TcpStream::connect(proxy.addr()).await.unwrap();
    other.write_u8(2).await.unwrap();
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), peer.read_u8()).await;
    early.unwrap_err();
    proxy.resume();
    assert_eq!((peer.read_u8().await.unwrap(), other.read_u8().await.unwrap()), (1, 2));
}

#[tokio::test]
async fn a_half_open_connection_says_nothing_and_does_not_end() {
    let (addr, _echo) = echo().await;
    let proxy = Proxy::start(addr).await.unwrap();
    let mut peer = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(round_trip(&mut peer).await.unwrap(), 42);
    proxy.lose();
    peer.write_u8(1).await.unwrap();
    let answer = tokio::time::timeout(std::time::Duration::from_millis(50), peer.read_u8()).await;
    answer.unwrap_err();
    let mut other = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(round_trip(&mut other).await.unwrap(), 42);
    proxy.cut();
    peer.read_u8().await.unwrap_err();
}

#[tokio::test]
async fn bytes_are_garbled_once_and_arrive_in_every_shape() {
    let (addr, _echo) = echo().await;
    let proxy = Proxy::start(addr).await.unwrap();
    let mut peer = TcpStream::connect(proxy.addr()).await.unwrap();
    proxy.garble(true);
    assert_ne!(round_trip(&mut peer).await.unwrap(), 42);
    assert!(!proxy.is_garbling());
    let shape = Shape {
        delay: std::time::Duration::from_millis(1),
        bytes_per_second: std::num::NonZeroU32::new(1_000_000),
        segment_bytes: std::num::NonZeroUsize::new(1),
    };
    proxy.set_shape(shape);
    let sent: Vec<u8> = (0..3_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    peer.write_all(&sent).await.unwrap();
    let mut received = vec![0; sent.len()];
    peer.read_exact(&mut received).await.unwrap();
    assert_eq!(received, sent);
}

#[tokio::test]
async fn a_statement_is_refused_with_the_state_asked_for() {
    let world = World::new().await;
    let session = world.connect().await.unwrap();
    let moment = Moment::Statement { begins: "BEGIN", contains: "INSERT" };
    let (first, second) = (
        world.proxy.inject(Fault::Refuse(moment, "40001")),
        world.proxy.inject(Fault::Refuse(Moment::Commit, "40P01")),
    );
    let insert = "BEGIN; INSERT INTO t VALUES (1)";
    let refused = session.batch_execute(insert).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "40001");
    first.await;
    session.batch_execute(insert).await.unwrap();
    let refused = session.batch_execute("COMMIT").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "40P01");
    second.await;
    drop(session);
    assert_eq!((world.rows().await, world.proxy.commits()), (0, 0));
    assert_eq!((world.proxy.errors("40001"), world.proxy.errors("57P01")), (1, 0));
}

#[tokio::test]
async fn the_proxy_stalls_at_a_moment_of_which_the_server_does_not_know() {
    let world = World::new().await;
    let moment = Moment::Statement { begins: "INSERT", contains: "t" };
    for (fault, forwarded) in [(Fault::StallAt(moment), false), (Fault::StallAt(moment), true)] {
        let session = world.connect().await.unwrap();
        let struck = world.proxy.inject(fault);
        let mut insert = pin!(session.batch_execute("INSERT INTO t VALUES (1)"));
        tokio::select! {
            _ = &mut insert => panic!("answered during the stall"),
            () = struck => {}
        }
        assert!(world.proxy.is_stalled());
        if !forwarded {
            world.proxy.cut();
        }
        world.proxy.resume();
        assert_eq!(insert.await.is_ok(), forwarded);
        assert_eq!(world.rows().await, i64::from(forwarded));
    }
}

#[tokio::test]
async fn a_fault_that_is_withdrawn_does_not_strike() {
    let world = World::new().await;
    let session = world.connect().await.unwrap();
    let struck = world.proxy.inject(Fault::NeverForwardCommit);
    world.proxy.withdraw();
    drop(struck);
    session.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    session.batch_execute("COMMIT").await.unwrap();
    assert_eq!(world.rows().await, 1);
}
