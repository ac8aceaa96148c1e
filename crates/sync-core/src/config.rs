use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// How the engine batches, retries and remembers. The defaults are the ones to use.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EngineConfig {
    /// How much one transaction carries.
    pub batch: BatchConfig,
    /// How failures are retried.
    pub retry: RetryConfig,
    /// How deep the hash ledger reaches below the cursor, in blocks: the deepest reorg that can
    /// be told from a foreign chain.
    pub retention_blocks: NonZeroU64,
    /// What to do about a reorg deeper than that.
    pub beyond_retention: BeyondRetention,
    /// How many bytes of rows all tables together may hold in memory; more than 4 GiB count as
    /// 4 GiB. A single block larger than this passes all the same.
    pub memory_limit_bytes: NonZeroUsize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            batch: BatchConfig::default(),
            retry: RetryConfig::default(),
            retention_blocks: NonZeroU64::MIN.saturating_add(9_999),
            beyond_retention: BeyondRetention::Stop,
            memory_limit_bytes: NonZeroUsize::MIN.saturating_add((256 << 20) - 1),
        }
    }
}

/// How much one transaction carries. The engine chooses between the bounds, per table, so that
/// one takes about [`target`](BatchConfig::target).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BatchConfig {
    /// The fewest rows it shrinks to when writing is slow.
    pub rows_min: NonZeroUsize,
    /// The most rows it grows to. Tables that catch up at the same time share them, down to 10,000
    /// each.
    pub rows_max: NonZeroUsize,
    /// The most bytes of rows.
    pub bytes_max: NonZeroUsize,
    /// How long one transaction may take before the next is made smaller. Also how long rows of
    /// an unfinished range wait before they are written ahead of its end.
    pub target: Duration,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            rows_min: NonZeroUsize::MIN.saturating_add(99),
            rows_max: NonZeroUsize::MIN.saturating_add(49_999),
            bytes_max: NonZeroUsize::MIN.saturating_add((50 << 20) - 1),
            target: Duration::from_secs(1),
        }
    }
}

/// How failures are retried: without end, the wait doubling from `delay_min` to `delay_max`, with
/// jitter, and starting again once something was committed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetryConfig {
    /// The first wait.
    pub delay_min: Duration,
    /// The longest wait.
    pub delay_max: Duration,
    /// How often one write is tried before the stream is opened anew from the checkpoint.
    pub attempts: NonZeroU32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            delay_min: Duration::from_millis(50),
            delay_max: Duration::from_secs(5),
            attempts: NonZeroU32::MIN.saturating_add(4),
        }
    }
}

/// What to do when the chain was reorganised deeper than the hash ledger reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BeyondRetention {
    /// Stop the table and say so; its data stays as it is.
    #[default]
    Stop,
    /// Stream the table anew from the first block. The old rows stay visible until the first
    /// new ones replace all of them.
    Resync,
}
