//! Apps that read several tables as one, with the statements of `docs/reading.md` as they are there.

use std::collections::HashMap;

use ampsync_testkit::postgres::Session;
use nozzle_sim::{BlockHash, Chain, SimServer, Table};
use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;
use tokio_postgres::{NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::{Database, PATIENCE, simulate, start};

const DOCUMENT: &str = include_str!("../../../../../docs/reading.md");
const README: &str = include_str!("../../../../../README.md");

/// The SQL of the document under a heading.
fn documented(heading: &str) -> &'static str {
    under(DOCUMENT, heading)
}

fn under(document: &'static str, heading: &str) -> &'static str {
    let (_, section) = document.split_once(heading).unwrap();
    let (_, sql) = section.split_once("```sql\n").unwrap();
    sql.split_once("```").unwrap().0
}

/// What the documented transaction has read.
#[derive(Debug)]
struct View {
    safe: Option<u64>,
    /// Number, hash and parent of each row of `blocks`.
    blocks: Vec<(u64, String, String)>,
    /// Number and hash of the block of each row of `logs`.
    logs: Vec<(u64, String)>,
}

impl View {
    async fn read(session: &Session) -> Self {
        let answers = session.simple_query(documented("## Several tables at one block")).await;
        let mut results: Vec<Vec<SimpleQueryRow>> = Vec::new();
        for message in answers.unwrap() {
            match message {
                SimpleQueryMessage::RowDescription(_) => results.push(Vec::new()),
                SimpleQueryMessage::Row(row) => results.last_mut().unwrap().push(row),
                SimpleQueryMessage::CommandComplete(_) | _ => {}
            }
        }
        let [safe, blocks, logs] = results.try_into().unwrap();
        let number = |row: &SimpleQueryRow| row.get(0).unwrap().parse().unwrap();
        let hash = |row: &SimpleQueryRow, column| row.get(column).unwrap().replacen("\\x", "0x", 1);
        Self {
            safe: safe[0].get(0).map(|block| block.parse().unwrap()),
            blocks: blocks.iter().map(|row| (number(row), hash(row, 1), hash(row, 2))).collect(),
            logs: logs.iter().map(|row| (number(row), hash(row, 1))).collect(),
        }
    }

    /// Both tables have the whole chain through the safe block, of one fork, and nothing beyond.
    fn check(&self, chain: &Chain, logs: &Table) {
        let Some(safe) = self.safe else {
            assert!(self.blocks.is_empty() && self.logs.is_empty(), "{self:?}");
            return;
        };
        let mut blocks = self.blocks.clone();
        blocks.sort_unstable();
        let numbers: Vec<_> = blocks.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, (0..=safe).collect::<Vec<_>>(), "blocks, through {safe}");
        for pair in blocks.windows(2) {
            assert_eq!(pair[0].1, pair[1].2, "block {} is of another fork", pair[0].0);
        }
        let mut found: HashMap<(u64, &str), u32> = HashMap::new();
        for (number, hash) in &self.logs {
            *found.entry((*number, hash)).or_default() += 1;
        }
        for (number, hash, _) in &blocks {
            let block = chain.by_hash(&hash.parse::<BlockHash>().unwrap()).unwrap();
            let rows = found.remove(&(*number, hash.as_str())).unwrap_or_default();
            assert_eq!(rows, logs.row_count(block), "logs of block {number}, safe is {safe}");
        }
        assert!(found.is_empty(), "logs of no block that is there: {found:?}, safe is {safe}");
    }
}

async fn following() -> (SimServer, Database) {
    let sim = simulate(vec![Table::blocks(), Table::logs().with_rows_per_block(1..=3)]).await;
    sim.mine(60);
    (sim, Database::create().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_two_tables_at_the_safe_block_never_sees_them_differ() {
    let (sim, database) = following().await;
    let ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    let reader = database.cluster.connect(&database.name).await.unwrap();
    let (chain, logs) = (sim.chain_watch(), sim.table("logs"));
    let (told, mut views) = tokio::sync::watch::channel(0_u32);
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        let mut last = None;
        loop {
            let view = View::read(&reader).await;
            // The chain is looked at afterwards: it has every block that the view can have.
            view.check(&chain(), &logs);
            let now = (view.safe, view.blocks.last().cloned());
            told.send_modify(|views| *views += u32::from(last.as_ref() != Some(&now)));
            last = Some(now);
            if told.is_closed() {
                return;
            }
        }
    });
    for turn in 0..40 {
        let before = *views.borrow_and_update();
        sim.mine(1 + turn % 3);
        sim.reorg(1 + turn % 7);
        // Now and then the tables are left to come to rest, otherwise the chain runs ahead of them.
        if turn % 4 == 0 {
            database.equals(&sim).await;
        }
        let seen = views.wait_for(|views| *views > before);
        let seen = tokio::time::timeout(PATIENCE, seen).await;
        assert!(seen.unwrap().is_ok(), "the reader has found a difference");
    }
    drop(views);
    reading.join_next().await.unwrap().unwrap();
    database.equals(&sim).await;
    let view = View::read(&database.session).await;
    assert_eq!(view.safe, Some(sim.chain().head().unwrap().number), "at rest, all is safe");
    drop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_the_documented_rights_reads_and_waits_and_with_none_less() {
    let (sim, database) = following().await;
    let _ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    let role = format!("reader_{}", database.name);
    let create = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'pass'; \
         REVOKE ALL ON DATABASE {name} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC; \
         REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ampsync FROM PUBLIC",
        name = database.name
    );
    database.session.batch_execute(&create).await.unwrap();
    let grant = documented("## The rights of a reader").replace("reader_role", &role);
    let grant = grant.replace("DATABASE app", &format!("DATABASE {}", database.name));
    database.session.batch_execute(&grant).await.unwrap();
    let mut config = database.cluster.config(&database.name);
    config.user(&role).password("pass");
    let (reader, connection) = config.connect(NoTls).await.unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let read = documented("## Several tables at one block");
    let wait = documented("## Waiting for a block");
    reader.simple_query(read).await.unwrap();
    let join = under(README, "### Reading several tables as one");
    assert!(!reader.query(join.trim(), &[]).await.unwrap().is_empty());
    let waited: bool = reader.query_one(wait.trim(), &[]).await.unwrap().get(0);
    assert!(waited);
    for right in [
        "USAGE ON SCHEMA ampsync",
        "SELECT ON ampsync.checkpoints",
        "SELECT ON ampsync.ranges",
        "SELECT ON public.logs",
        "EXECUTE ON FUNCTION ampsync.safe_block(text)",
    ] {
        database.session.batch_execute(&format!("REVOKE {right} FROM {role}")).await.unwrap();
        let error = reader.simple_query(read).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{right}");
        reader.batch_execute("ROLLBACK").await.unwrap();
        if right == "SELECT ON ampsync.ranges" {
            reader.query_one(wait.trim(), &[]).await.unwrap();
        }
        database.session.batch_execute(&grant).await.unwrap();
    }
    let execute = "EXECUTE ON FUNCTION ampsync.wait_for_block(regclass, bigint, interval)";
    database.session.batch_execute(&format!("REVOKE {execute} FROM {role}")).await.unwrap();
    let error = reader.query_one(wait.trim(), &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}
