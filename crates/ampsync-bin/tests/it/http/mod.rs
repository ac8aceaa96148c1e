//! The HTTP server as probes, scrapers and people meet it, and what is built on its metrics.

mod alerts;
pub(crate) mod browser;
pub(crate) mod client;
mod metrics;
mod picture;
mod ready;
mod server;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ampsync_testkit::proxy::PgProxy;
use nozzle_sim::{SimServer, Table};
use serde_json::Value;

use self::client::{ANY_PORT, Answer, address, get};
use crate::pipe::{Database, simulate, start_with};
use crate::process::Running;

/// Longer than anything waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until the log tells where the server is.
fn served(ampsync: &mut Running) -> SocketAddr {
    address(&ampsync.wait_for("the live page are served")).unwrap()
}

/// Asks until the answer is as expected.
async fn until(address: SocketAddr, path: &str, is: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(address, path);
        if is(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path} says: {answer:#?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until a table is as expected, as `/status` has it.
async fn until_table(address: SocketAddr, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    let find = |answer: &Answer| {
        let mut status = answer.json();
        let tables = status["tables"].as_array_mut().unwrap();
        tables.iter_mut().find(|table| table["table"] == name).map(Value::take)
    };
    let answer = until(address, "/status", |answer| find(answer).is_some_and(|table| is(&table)));
    find(&answer.await).unwrap()
}

/// A whole pipe, with a switch between ampsync and the database.
struct Watched {
    sim: SimServer,
    database: Database,
    proxy: PgProxy,
    ampsync: Running,
    address: SocketAddr,
}

impl Watched {
    async fn start(tables: Vec<Table>) -> Self {
        let sim = simulate(tables).await;
        sim.mine(30);
        let database = Database::create().await;
        let proxy = PgProxy::start(database.addr()).await.unwrap();
        let mut ampsync = start_with(&sim, &database.url_via(proxy.addr()), &[ANY_PORT]);
        let address = served(&mut ampsync);
        let watched = Self { sim, database, proxy, ampsync, address };
        watched.settles().await;
        watched
    }

    /// Waits until every table is where the chain is, and is said to be.
    async fn settles(&self) {
        self.database.equals(&self.sim).await;
        until(self.address, "/readyz", |answer| answer.code == 200).await;
    }

    /// Cuts the database off. Without something to write, nobody would notice.
    fn cut_off(&self) {
        self.proxy.refuse();
        self.proxy.cut();
        self.sim.mine(1);
    }
}
