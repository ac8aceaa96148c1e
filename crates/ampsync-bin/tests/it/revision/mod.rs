//! Tables whose query or dataset changes, with the real binary: what readers see of it, and what is
//! left when somebody dies in the middle.

mod changes;
mod planned;
mod rollback;
mod shape;
mod takeover;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ampsync_testkit::{postgres, verify};
use tokio::task::JoinSet;

use crate::process::Running;
use crate::reload::{World, config};

/// Every block that has logs has one with the index 0, and only the first query asks for it.
const FILTER: &str = "[tables.logs]\nwhere = 'log_index > 0'\n";

const ALL: &str = "SELECT * FROM \"_/sim@0.0.1\".logs";

const FILTERED: &str = "SELECT * FROM \"_/sim@0.0.1\".logs WHERE (log_index > 0)";

const IN_PLACE: &str = "the new revision is in place";

const BESIDE: &str = "the new one is filled beside it";

/// A world that syncs `blocks` and `logs`, with options that ask for nothing yet.
async fn world() -> World {
    let world = World::new().await;
    world.replace("sim.json", &config(&["blocks", "logs"]));
    world.replace("ampsync.toml", "");
    world
}

fn start(world: &World, more: &[(&str, &str)]) -> Running {
    let options = world.path("ampsync.toml");
    world.start("sim.json", &[&[("AMPSYNC_CONFIG", options.as_str())], more].concat())
}

/// Waits until `logs` is where the chain is, and compares it with the answer to a query.
async fn equals(world: &World, sql: &str) {
    compares(world, "logs", sql).await;
}

async fn compares(world: &World, table: &str, sql: &str) {
    world.database.reaches(table, &world.sim.chain().head().unwrap().hash).await;
    let rows = world.sim.answer(sql).unwrap();
    let verdict = verify::table(&world.database.session, "public", table, &rows).await.unwrap();
    assert!(verdict.expect_equal() > 0, "nothing was compared");
}

/// Counts the current tables that the second query has filled.
const IS_FILTERED: &str = "SELECT count(*) FROM ampsync.checkpoints \
                           WHERE table_name = 'logs' AND query LIKE '%log_index > 0%'";

/// Waits until a query counts that many.
async fn awaits(world: &World, query: &str, wanted: i64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.database.count(query).await != wanted {
        assert!(Instant::now() < deadline, "{query} never came to {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whoever reads `logs` all the time.
struct Readers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<u64>,
}

impl Readers {
    /// Each reads in a loop, by a statement that it has prepared once, and looks whether what it sees is
    /// of one query alone, and never nothing.
    async fn of(world: &World) -> Self {
        let query =
            "SELECT count(DISTINCT _block_num), count(*) FILTER (WHERE log_index = 0) FROM logs";
        Self::seeing(world, query).await
    }

    /// The same with a query of two counts, of which the second has to be nothing or the first.
    async fn seeing(world: &World, query: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..3 {
            let reader = postgres::connect(&world.database.url().parse().unwrap()).await.unwrap();
            let stop = Arc::clone(&stop);
            tasks.spawn(async move {
                let prepared = reader.prepare(query).await.unwrap();
                let mut looks = 0;
                while !stop.load(Ordering::Relaxed) {
                    let row = reader.query_one(&prepared, &[]).await.unwrap();
                    let (all, some): (i64, i64) = (row.get(0), row.get(1));
                    assert!(all > 0, "the table was empty");
                    assert!(some == 0 || some == all, "{some} of {all}");
                    looks += 1;
                }
                looks
            });
        }
        Self { stop, tasks }
    }

    /// Stops them; a panic of theirs is one of the test.
    async fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(looks) = self.tasks.join_next().await {
            assert!(looks.unwrap() > 0, "a reader saw nothing");
        }
    }
}
