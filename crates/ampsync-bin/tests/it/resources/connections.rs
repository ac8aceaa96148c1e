use std::time::{Duration, Instant};

use ampsync_testkit::proxy::{Proxy, Shape};
use nozzle_sim::{SimConfig, SimServer, Table};

use crate::pipe::{Database, simulate, start_with};

/// What the server says of the sessions in our database, beside the test's own.
#[derive(Debug, Default)]
struct Sessions {
    most: i64,
    /// Sessions with a transaction that waited for its client for longer than writing takes.
    waiting: i64,
    temporary: i64,
    looks: u32,
}

impl Sessions {
    async fn look(&mut self, database: &Database) {
        let select = "SELECT count(*), \
                        count(*) FILTER (WHERE state LIKE 'idle in transaction%' \
                          AND clock_timestamp() - state_change > interval '1 second'), \
                        (SELECT count(*) FROM pg_class WHERE relpersistence = 't') \
                      FROM pg_stat_activity WHERE datname = current_database() \
                      AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let row = database.session.query_one(select, &[]).await.unwrap();
        self.most = self.most.max(row.get(0));
        self.waiting = self.waiting.max(row.get(1));
        self.temporary = self.temporary.max(row.get(2));
        self.looks += 1;
    }

    async fn look_for(&mut self, database: &Database, duration: Duration) {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.look(database).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn six_tables_share_three_connections() {
    let table = |number: usize| Table::logs().named(&format!("logs_{number}"));
    let sim = simulate((0..6).map(table).collect()).await;
    sim.mine(100);
    let database = Database::create().await;
    let more = [("MAX_DB_CONNECTIONS", "3"), ("BATCH_ROWS_MIN", "10"), ("BATCH_ROWS_MAX", "50")];
    let mut sessions = Sessions::default();
    let ampsync = start_with(&sim, &database.url(), &more);
    for depth in [3, 9, 1, 20] {
        sim.mine(40);
        sim.reorg(depth);
        sessions.look_for(&database, Duration::from_millis(500)).await;
    }
    database.equals(&sim).await;
    drop(ampsync);
    assert!(sessions.looks > 20, "{sessions:?}");
    // Three of them do not suffice for the six tables, so all are used, and no more.
    assert_eq!(sessions.most, 3, "{sessions:?}");
    assert_eq!(sessions.temporary, 0, "{sessions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_is_open_while_the_server_is_waited_for() {
    let config =
        SimConfig { tables: vec![Table::logs()], batch_rows_max: 16, ..SimConfig::default() };
    let sim = SimServer::start(config).await.unwrap();
    sim.mine(900);
    let database = Database::create().await;
    let proxy = Proxy::start(sim.addr()).await.unwrap();
    // One range of all blocks, which takes a while to arrive.
    proxy.set_shape(Shape {
        bytes_per_second: std::num::NonZeroU32::new(300_000),
        ..Shape::default()
    });
    let endpoint = format!("http://{}", proxy.addr());
    let more = [
        ("NOZZLE_ENDPOINT", endpoint.as_str()),
        ("BATCH_ROWS_MIN", "10"),
        ("BATCH_ROWS_MAX", "100"),
        ("BATCH_TARGET_MS", "100"),
    ];
    let ampsync = start_with(&sim, &database.url(), &more);
    let mut sessions = Sessions::default();
    let ahead = "SELECT count(*) FROM ampsync.checkpoints WHERE provisional_block IS NOT NULL";
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_ahead = async || {
        let row = database.session.query_one(ahead, &[]).await;
        row.is_ok_and(|row| row.get::<_, i64>(0) > 0)
    };
    while !is_ahead().await {
        assert!(Instant::now() < deadline, "nothing was written ahead of the range's end");
        sessions.look(&database).await;
    }
    proxy.stall();
    sessions.look_for(&database, Duration::from_secs(4)).await;
    assert!(is_ahead().await, "the range had ended before the stall");
    proxy.set_shape(Shape::default());
    proxy.resume();
    database.equals(&sim).await;
    drop(ampsync);
    assert_eq!((sessions.waiting, sessions.temporary), (0, 0), "{sessions:?}");
}
