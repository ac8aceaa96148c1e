//! Every value that a server can send arrives in PostgreSQL exactly: random tables of every type,
//! from a simulated server over real gRPC, through the client, the engine and the sink, read back
//! by PostgreSQL as text, and compared with a rendering that shares no code with the encoder.
//!
//! `ROUNDTRIP_BATCHES=100000` makes a long run of it, `ROUNDTRIP_SEED=n` another one, or the same
//! one again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a type that is forgotten has no values")]

mod recorded;
mod texts;
mod types;
mod values;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ampsync_schema::{ColumnOptions, Ident};
use ampsync_testkit::postgres::{Session, shared};
use ampsync_testkit::verify;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{Field, Schema};
use nozzle_client::{SqlClient, StreamSource};
use nozzle_sim::{SimConfig, SimServer, Table};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sink_postgres::{Database, DatabaseOptions, PostgresSink, SinkOptions};
use sync_core::chain::Cursor;
use sync_core::{EngineConfig, HealthBoard, Outcome, TableState, TableSync};
use tokio_util::sync::CancellationToken;

use self::types::{ColumnSpec, column};

/// Blocks of a table: each comes in a range of its own, in one or more batches.
const BLOCKS: usize = 8;
/// Tables of a case, which are synced at the same time.
const TABLES: usize = 10;
/// How long a case may take. Only a table that never gets there takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A table to be made.
#[derive(Clone, Debug)]
struct TableSpec {
    columns: Vec<ColumnSpec>,
    /// How many rows each block has.
    rows: Vec<usize>,
}

impl TableSpec {
    fn name(index: usize) -> String {
        format!("c{index}")
    }

    /// One batch for each block, all of them slices of one.
    fn batches(&self) -> Vec<RecordBatch> {
        let total = self.rows.iter().sum();
        let blocks = self.rows.iter().zip(0_u64..).flat_map(|(rows, block)| vec![block; *rows]);
        let mut fields = vec![Field::new("_block_num", arrow_schema::DataType::UInt64, false)];
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from_iter_values(blocks))];
        for (index, spec) in self.columns.iter().enumerate() {
            fields.push(Field::new(Self::name(index), spec.ty.clone(), spec.nullable));
            arrays.push(values::column(spec, total));
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let starts = self.rows.iter().scan(0, |start, rows| {
            *start += rows;
            Some(*start - rows)
        });
        starts.zip(&self.rows).map(|(start, rows)| batch.slice(start, *rows)).collect()
    }

    fn options(&self) -> SinkOptions {
        let mut options = SinkOptions::default();
        for (index, spec) in self.columns.iter().enumerate() {
            let mut column = ColumnOptions::default();
            column.ty = spec.chosen;
            options.table.columns.insert(Self::name(index), column);
        }
        options
    }
}

fn table() -> impl Strategy<Value = TableSpec> {
    // Never without rows, so that every block makes a batch.
    let rows = vec(1..7_usize, BLOCKS);
    (vec(column(), 1..7), rows).prop_map(|(columns, rows)| TableSpec { columns, rows })
}

/// The database that all cases share.
struct World {
    database: Database,
    session: Session,
    cases: AtomicU64,
}

impl World {
    async fn new() -> Self {
        let cluster = shared().await;
        let name = cluster.create_database().await.unwrap();
        let options =
            DatabaseOptions::default().with_max_connections(NonZeroUsize::new(8).unwrap());
        let database = Database::connect(cluster.config(&name), &options).unwrap();
        let session = cluster.connect(&name).await.unwrap();
        Self { database, session, cases: AtomicU64::new(0) }
    }

    /// Streams the tables into the database and compares them.
    async fn round_trip(&self, tables: &[TableSpec]) -> Result<(), String> {
        let case = self.cases.fetch_add(1, Ordering::Relaxed);
        let names: Vec<_> = (0..tables.len()).map(|index| format!("case{case}_{index}")).collect();
        let made: Vec<_> = tables.iter().map(TableSpec::batches).collect();
        let scripted = names
            .iter()
            .zip(&made)
            .map(|(name, batches)| Table::scripted(name, batches[0].schema(), batches.clone()));
        let config = SimConfig {
            seed: case + 1,
            tables: scripted.collect(),
            microbatch_blocks_max: 1,
            shuffle: false,
            ..SimConfig::default()
        };
        let sim = SimServer::start(config).await.unwrap();
        sim.mine(u64::try_from(BLOCKS).unwrap());
        let options = tables.iter().map(TableSpec::options);
        let syncs = names.iter().cloned().zip(options).collect();
        let head = sim.chain().head().unwrap().hash.0;
        let dataset = sim.config().dataset_ref();
        self.sync(&sim.endpoint(), &dataset, syncs, |cursor| cursor.hash.0 == head).await?;
        for (name, batches) in names.iter().zip(&made) {
            let verdict = verify::table(&self.session, "public", name, batches).await;
            match verdict.map_err(|error| format!("{name}: {error:?}"))? {
                verify::Verdict::Equal { .. } => {}
                verify::Verdict::Different(difference) => {
                    return Err(format!("{name}: {difference}"));
                }
            }
            let drop = format!("DROP TABLE public.{name}");
            self.session.batch_execute(&drop).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Syncs tables of a server until all of them are where they should be.
    async fn sync(
        &self,
        endpoint: &str,
        dataset: &str,
        tables: Vec<(String, SinkOptions)>,
        is_last: impl Fn(&Cursor) -> bool,
    ) -> Result<(), String> {
        let client = SqlClient::new(endpoint).unwrap();
        let names: Vec<_> = tables.iter().map(|(name, _)| name.clone()).collect();
        let syncs = tables.into_iter().map(|(name, options)| {
            let query = format!("SELECT * FROM \"{dataset}\".{name}");
            let database = self.database.clone();
            TableSync {
                source: StreamSource::new(client.clone(), &query),
                table: name,
                dataset: dataset.to_owned(),
                query,
                block_column: "_block_num".to_owned(),
                make_sink: move || {
                    let schema = Ident::new("public").unwrap();
                    PostgresSink::new(database.clone(), schema).with_options(options.clone())
                },
            }
        });
        let health = Arc::new(HealthBoard::default());
        let shutdown = CancellationToken::new();
        let config = EngineConfig::default();
        let engine = sync_core::run(syncs.collect(), config, Arc::clone(&health), shutdown.clone());
        let watch = async {
            let result = done(&health, &names, is_last).await;
            shutdown.cancel();
            result
        };
        let (outcomes, result) = tokio::join!(engine, watch);
        for (table, outcome) in outcomes {
            if let Outcome::Stopped(error) = outcome {
                return Err(format!("{table} stopped: {error:?}"));
            }
        }
        result
    }
}

/// Waits until every table has its last range, or one has failed.
async fn done(
    health: &HealthBoard,
    names: &[String],
    is_last: impl Fn(&Cursor) -> bool,
) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tables = health.snapshot();
        let failed = tables
            .iter()
            .find(|(_, table)| table.state == TableState::Stopped || table.last_error.is_some());
        if let Some((name, table)) = failed {
            return Err(format!("{name}: {table:?}"));
        }
        let is_done = |name: &String| {
            let cursor = tables.get(name).and_then(|table| table.cursor.as_ref());
            cursor.is_some_and(&is_last)
        };
        if names.iter().all(is_done) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("never done: {tables:?}"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok().map_or(default, |value| value.parse().unwrap());
    println!("{name}={value}");
    value
}

#[test]
fn every_value_of_every_type_arrives_as_it_was_sent() {
    let batches = usize::try_from(setting("ROUNDTRIP_BATCHES", 2_000)).unwrap();
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&setting("ROUNDTRIP_SEED", 1).to_le_bytes());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let cases = batches.div_ceil(BLOCKS * TABLES);
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let result = TestRunner::new_with_rng(config, rng).run(&vec(table(), TABLES), |tables| {
        let result = runtime.block_on(world.round_trip(&tables));
        result.map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => println!("{} batches, no difference", cases * BLOCKS * TABLES),
        Err(TestError::Fail(reason, tables)) => panic!("{reason}\n{tables:?}"),
        Err(error) => panic!("{error}"),
    }
}
