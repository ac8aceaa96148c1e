//! Every metric there is. `docs/metrics.md` has the same table. Names and labels are an interface:
//! dashboards and alerts are built on them.

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: &'static str,
    pub(super) labels: &'static [&'static str],
    /// What it means, in one sentence without a full stop.
    pub(super) help: &'static str,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Grows, and begins at zero with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by their size.
    Histogram,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($metric:ident = $name:literal, $kind:ident, $unit:literal, [$($label:literal),*], $help:literal;)+) => {
        $(
            pub(super) const $metric: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
            };
        )+

        /// All of them, in the order in which they are told.
        #[cfg(test)]
        pub(super) const ALL: &[&Metric] = &[$(&$metric),+];
    };
}

metrics! {
    BUILD_INFO = "ampsync_build_info", Gauge, "always 1", ["version", "commit"],
        "Its labels say what runs";
    START_TIME = "ampsync_process_start_time_seconds", Gauge, "Unix time in seconds", [],
        "When the process started";
    READY = "ampsync_ready", Gauge, "0 or 1", [],
        "Whether every table is kept in step, as /readyz says";
    MEMORY_LIMIT = "ampsync_memory_limit_bytes", Gauge, "bytes", [],
        "How much the rows of all tables together may take in memory (MEMORY_LIMIT)";
    MEMORY_USED = "ampsync_memory_used_bytes", Gauge, "bytes", [],
        "How much of that limit is taken";
    CONNECTIONS = "ampsync_database_connections", Gauge, "connections", ["state"],
        "Open connections to the database, used or idle";
    CONNECTIONS_MAX = "ampsync_database_connections_max", Gauge, "connections", [],
        "How many may be open (MAX_DB_CONNECTIONS)";
    CONNECTIONS_WAITING = "ampsync_database_connections_waiting", Gauge, "waiters", [],
        "How many tables wait for a connection because all are used";
    RELOADS = "ampsync_reloads_total", Counter, "reloads", ["outcome"],
        "How often the settings were read again: applied, unchanged or failed";
    RELOAD_OK = "ampsync_reload_ok", Gauge, "0 or 1", [],
        "Whether the last reload succeeded; 1 until there is one";
    LAST_RELOAD = "ampsync_last_reload_timestamp_seconds", Gauge, "Unix time in seconds", [],
        "When the settings were last read again; 0 until then";
    TABLE_STATE = "ampsync_table_state", Gauge, "0 or 1", ["table", "state"],
        "1 for what the table is doing, 0 for everything else";
    TABLE_READY = "ampsync_table_ready", Gauge, "0 or 1", ["table"],
        "Whether the table streams and is not stalled, or stands by";
    TABLE_STALLED = "ampsync_table_stalled", Gauge, "0 or 1", ["table"],
        "Whether the table streams and is behind, and got nowhere for five minutes";
    CURSOR_BLOCK = "ampsync_cursor_block", Gauge, "block number", ["table", "network"],
        "The last block that is completely in the table";
    PROVISIONAL_BLOCK = "ampsync_provisional_block", Gauge, "block number", ["table", "network"],
        "The last block of which rows are in the table: the cursor's, or beyond it while a range is being written";
    HEAD_BLOCK = "ampsync_head_block", Gauge, "block number", ["table", "network"],
        "The last block that the server is known to have";
    LAG_BLOCKS = "ampsync_lag_blocks", Gauge, "blocks", ["table", "network"],
        "How many blocks the server is known to have above those in the table";
    LAG_SECONDS = "ampsync_lag_seconds", Gauge, "seconds", ["table", "network"],
        "How old the last complete block is; 0 while nothing is missing; absent where the server does not tell when blocks were made";
    ROWS = "ampsync_rows_total", Counter, "rows", ["table"],
        "Rows committed";
    BYTES = "ampsync_bytes_total", Counter, "bytes", ["table"],
        "Bytes of the committed rows, as they are in memory";
    BATCHES = "ampsync_batches_total", Counter, "messages", ["table"],
        "Messages with rows received from the server";
    COMMITS = "ampsync_commits_total", Counter, "transactions", ["table"],
        "Transactions committed";
    LAST_COMMIT = "ampsync_last_commit_timestamp_seconds", Gauge, "Unix time in seconds", ["table"],
        "When something was last committed; absent until then";
    FLUSH_SECONDS = "ampsync_flush_duration_seconds", Histogram, "seconds", ["table"],
        "How long a flush took: encoding, every attempt to write, and the commit";
    COMMIT_SECONDS = "ampsync_commit_duration_seconds", Histogram, "seconds", ["table"],
        "How long the database took to make encoded rows durable, in the attempt that succeeded";
    BUFFERED_BYTES = "ampsync_buffered_bytes", Gauge, "bytes", ["table"],
        "Bytes of rows that were received and are not committed yet";
    REORGS = "ampsync_reorgs_total", Counter, "reorgs", ["table"],
        "Reorgs undone";
    REORG_DEPTH = "ampsync_reorg_depth_blocks", Histogram, "blocks", ["table"],
        "How many blocks a reorg made untrue";
    REORG_ROWS = "ampsync_reorg_rows_total", Counter, "rows", ["table"],
        "Rows deleted because of reorgs";
    RETRIES = "ampsync_retries_total", Counter, "failures", ["table", "class"],
        "Failures after which it was tried again, by who failed";
    REVISION_PENDING = "ampsync_revision_pending", Gauge, "0 or 1", ["table"],
        "Whether another revision of the table is filled to take its place";
    REVISION_BLOCKED = "ampsync_revision_blocked", Gauge, "0 or 1", ["table"],
        "Whether something keeps a new revision from taking the table's place";
    RESTARTS = "ampsync_restarts_total", Counter, "streams", ["table"],
        "How often the stream was opened again: after failures, and where it was silent for long";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../../../docs/metrics.md");

    /// The row of the document's table.
    fn row(metric: &Metric) -> String {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (metric.kind.as_str(), labels.join(", "));
        format!("| `{}` | {kind} | {} | {labels} | {} |", metric.name, metric.unit, metric.help)
    }

    #[test]
    fn the_document_has_every_metric_and_no_other() {
        let documented: BTreeSet<_> =
            DOCUMENT.lines().filter(|line| line.starts_with("| `ampsync_")).collect();
        let rows: Vec<_> = ALL.iter().map(|metric| row(metric)).collect();
        let missing: Vec<_> =
            rows.iter().filter(|row| !documented.contains(row.as_str())).collect();
        assert!(missing.is_empty(), "these rows are missing in docs/metrics.md: {missing:#?}");
        assert_eq!(documented.len(), rows.len(), "docs/metrics.md has rows that are wrong");
    }

    #[test]
    fn names_follow_prometheus_conventions() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len(), "a name is used twice");
        for Metric { name, kind, labels, help, .. } in ALL {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.starts_with("ampsync_") && name.chars().all(plain), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}");
            let known = ["table", "network", "state", "class", "outcome", "version", "commit"];
            assert!(labels.iter().all(|label| known.contains(label)), "{name}: {labels:?}");
        }
    }
}
