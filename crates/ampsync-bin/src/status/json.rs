//! For machines. Names are an interface: they are added to, and not changed.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sink_postgres::{LastReorg, Status, TableStatus, Writer};

#[derive(Serialize)]
struct Document<'a> {
    /// Where it was looked: host, port and name.
    database: &'a str,
    /// Whether ampsync has ever written there.
    bookkeeping: bool,
    /// The moment all of this is of, by the database's clock.
    now: Option<String>,
    tables: Vec<Table<'a>>,
}

#[derive(Serialize)]
struct Table<'a> {
    schema: &'a str,
    table: &'a str,
    kind: &'a str,
    of_table: Option<&'a str>,
    dataset: &'a str,
    query: &'a str,
    network: Option<&'a str>,
    first_block: Option<u64>,
    cursor_block: Option<u64>,
    cursor_hash: Option<String>,
    provisional_block: Option<u64>,
    version: u64,
    created: String,
    updated: String,
    updated_seconds_ago: u64,
    exists: bool,
    rows_estimate: Option<u64>,
    bytes: Option<u64>,
    reorgs: u64,
    last_reorg: Option<Reorg>,
    ledger_ranges: u64,
    ledger_first_block: Option<u64>,
    writer: Option<Instance<'a>>,
}

#[derive(Serialize)]
struct Reorg {
    at: String,
    first_block: u64,
    last_block: u64,
    rows: u64,
}

#[derive(Serialize)]
struct Instance<'a> {
    pid: i32,
    application: Option<&'a str>,
    role: Option<&'a str>,
    address: Option<&'a str>,
    since: Option<String>,
}

pub(super) fn render(database: &str, status: Option<&Status>) -> String {
    let tables = status.map(|status| status.tables.as_slice()).unwrap_or_default();
    let now = status.map_or(SystemTime::UNIX_EPOCH, |status| status.at);
    let document = Document {
        database,
        bookkeeping: status.is_some(),
        now: status.map(|status| time(status.at)),
        tables: tables.iter().map(|status| table(status, now)).collect(),
    };
    // Only a map whose keys are no texts, or a value that refuses, could fail: there is neither.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn table(status: &TableStatus, now: SystemTime) -> Table<'_> {
    let cursor = status.cursor.as_ref();
    Table {
        schema: status.table.schema.as_str(),
        table: status.table.name.as_str(),
        kind: status.kind.as_str(),
        of_table: status.of_table.as_ref().map(|of| of.as_str()),
        dataset: &status.dataset,
        query: &status.query,
        network: cursor.map(|cursor| cursor.network.as_str()),
        first_block: status.first_block.map(|block| block.get()),
        cursor_block: cursor.map(|cursor| cursor.number.get()),
        cursor_hash: cursor.map(|cursor| cursor.hash.to_string()),
        provisional_block: status.provisional.map(|block| block.get()),
        version: status.version,
        created: time(status.created_at),
        updated: time(status.updated_at),
        updated_seconds_ago: now.duration_since(status.updated_at).unwrap_or_default().as_secs(),
        exists: status.storage.is_some(),
        rows_estimate: status.storage.and_then(|storage| storage.rows_estimate),
        bytes: status.storage.map(|storage| storage.bytes),
        reorgs: status.reorgs.count,
        last_reorg: status.reorgs.last.as_ref().map(reorg),
        ledger_ranges: status.ledger.ranges,
        ledger_first_block: status.ledger.from.map(|block| block.get()),
        writer: status.writer.as_ref().map(instance),
    }
}

fn reorg(last: &LastReorg) -> Reorg {
    let (first_block, last_block) = (last.base.get(), last.end.get());
    Reorg { at: time(last.at), first_block, last_block, rows: last.rows }
}

fn instance(writer: &Writer) -> Instance<'_> {
    Instance {
        pid: writer.pid,
        application: writer.application.as_deref(),
        role: writer.role.as_deref(),
        address: writer.address.as_deref(),
        since: writer.since.map(time),
    }
}

fn time(moment: SystemTime) -> String {
    DateTime::<Utc>::from(moment).to_rfc3339_opts(SecondsFormat::Millis, true)
}
