//! A running engine with one scripted table, and waiting for what it comes to.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use sync_core::memory::{MemorySink, MemoryTable};
use sync_core::{EngineConfig, HealthBoard, Outcome, TableHealth, TableState, TableSync, run};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::faulty::{Faults, FaultySink};
use crate::script::Script;

pub(crate) struct World {
    pub(crate) table: MemoryTable,
    pub(crate) faults: Faults,
    pub(crate) script: Script,
    pub(crate) health: Arc<HealthBoard>,
    pub(crate) config: EngineConfig,
    pub(crate) shutdown: CancellationToken,
}

pub(crate) type MakeSink = Box<dyn Fn() -> FaultySink<MemorySink> + Send + Sync>;

impl World {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            table: MemoryTable::new(),
            faults: Faults::default(),
            script,
            health: Arc::default(),
            config: EngineConfig::default(),
            shutdown: CancellationToken::new(),
        }
    }

    pub(crate) fn sync(&self, name: &str) -> TableSync<Script, MakeSink> {
        let (table, faults) = (self.table.clone(), self.faults.clone());
        TableSync {
            table: name.to_owned(),
            dataset: "_/scripted@1.0.0".to_owned(),
            query: "SELECT * FROM scripted".to_owned(),
            block_column: "_block_num".to_owned(),
            source: self.script.clone(),
            make_sink: Box::new(move || FaultySink { inner: table.sink(), faults: faults.clone() }),
        }
    }

    pub(crate) fn start(&self) -> Running {
        self.start_all(vec![self.sync("t")])
    }

    pub(crate) fn start_all(&self, tables: Vec<TableSync<Script, MakeSink>>) -> Running {
        let engine =
            run(tables, self.config.clone(), Arc::clone(&self.health), self.shutdown.clone());
        #[expect(clippy::disallowed_methods, reason = "the handle is awaited")]
        let task = tokio::spawn(engine);
        Running { task }
    }

    /// Waits until the table's health is as wanted. Time is paused, so that waiting moves it on.
    pub(crate) async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&TableHealth) -> bool,
    ) -> TableHealth {
        for _ in 0..1_000_000 {
            if let Some(health) = self.health.snapshot().get("t")
                && wanted(health)
            {
                return health.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {what}: {:?}", self.health.snapshot());
    }

    pub(crate) async fn until_live_at(&self, block: u64) -> TableHealth {
        self.until(&format!("live at block {block}"), |health| {
            health.state == TableState::Live
                && health.cursor.as_ref().is_some_and(|cursor| cursor.number.get() == block)
        })
        .await
    }

    /// The table's rows, sorted.
    pub(crate) fn rows(&self) -> Vec<(u64, u64)> {
        let (batches, _) = self.table.snapshot();
        let column = |batch: &RecordBatch, index: usize| {
            batch.column(index).as_primitive::<UInt64Type>().values().to_vec()
        };
        let pairs = |batch| column(batch, 0).into_iter().zip(column(batch, 1));
        let mut rows: Vec<_> = batches.iter().flat_map(pairs).collect();
        rows.sort_unstable();
        rows
    }
}

/// Row `block`, `block * 10`, for each of these blocks.
pub(crate) fn tens(blocks: std::ops::RangeInclusive<u64>) -> Vec<(u64, u64)> {
    blocks.map(|block| (block, block * 10)).collect()
}

pub(crate) struct Running {
    task: JoinHandle<Vec<(String, Outcome)>>,
}

impl Running {
    /// How the only table ended.
    pub(crate) async fn outcome(self) -> Outcome {
        let mut outcomes = self.task.await.unwrap();
        assert_eq!(outcomes.len(), 1);
        outcomes.pop().unwrap().1
    }

    pub(crate) async fn outcomes(self) -> Vec<(String, Outcome)> {
        self.task.await.unwrap()
    }

    /// Kills the engine wherever it is, as a crash does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        self.task.await.unwrap_err();
    }
}
