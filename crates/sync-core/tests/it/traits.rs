use std::error::Error;
use std::fmt::Debug;

use sync_core::chain::{BlockRange, Cursor, Ledger};
use sync_core::memory::{MemorySink, MemoryTable};
use sync_core::{
    Advance, Checkpoint, Commit, CommitError, EngineConfig, HealthBoard, Message, Saved,
    StoreError, StoreSink, TableHealth, TablePlan,
};

fn is_shared<T: Clone + Debug + Send + Sync + 'static>() {}
fn is_board<T: Debug + Send + Sync + 'static>() {}
fn is_sent<T: Debug + Send + 'static>() {}
fn is_an_error<T: Error + Send + Sync + 'static>() {}

#[test]
fn what_tasks_share_and_send_can_be_shared_and_sent() {
    is_shared::<(Checkpoint, Advance, Message, TablePlan, TableHealth, EngineConfig)>();
    is_shared::<(BlockRange, Cursor, Ledger, Commit, Saved, MemoryTable)>();
    is_board::<HealthBoard>();
    is_sent::<(MemorySink, StoreSink<std::fs::File>)>();
    is_an_error::<StoreError<std::io::Error>>();
    is_an_error::<CommitError<std::io::Error>>();
}
