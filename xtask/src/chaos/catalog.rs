//! The table of faults.

use std::pin::Pin;

use anyhow::{Result, bail};
use fastrand::Rng;
use nozzle_sim::Lie;

use super::faults::{chain, commits, database, instances, lies, network, points, process, server};
use super::options::Options;
use super::world::World;

/// Which faults wait for each other: those of one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// The process and the database.
    Near,
    /// The server, what it says, and the network before it.
    Far,
}

/// How soon everything is well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heals {
    Soon,
    /// After a minute or more: only on demand.
    Late,
}

/// Whether the fault has struck.
pub(super) type Struck<'a> = Pin<Box<dyn Future<Output = Result<bool>> + 'a>>;

/// One kind of fault.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) lane: Lane,
    pub(super) heals: Heals,
    /// Strikes, and ends what it began.
    pub(super) strike: for<'a> fn(&'a World, Rng) -> Struck<'a>,
}

macro_rules! faults {
    ($($name:literal $lane:ident $heals:ident $about:literal |$world:ident, $random:ident| $strike:expr;)*) => {
        &[$(Fault {
            name: $name,
            about: $about,
            lane: Lane::$lane,
            heals: Heals::$heals,
            strike: |$world, $random| Box::pin($strike),
        }),*]
    };
}

/// Every fault there is.
pub(super) const FAULTS: &[Fault] = faults! {
    // The process.
    "kill" Near Soon "SIGKILL at any time" |w, r| process::kill(w, r);
    "kill-at-begin" Near Soon "SIGKILL when a transaction is about to begin" |w, r| points::kill(w, r, points::BEGIN);
    "kill-at-copy" Near Soon "SIGKILL at the first bytes of a COPY" |w, r| points::kill_in_copy(w, r, 1);
    "kill-in-copy" Near Soon "SIGKILL in the middle of a COPY" |w, r| points::kill_in_copy(w, r, 3_000);
    "kill-at-copy-end" Near Soon "SIGKILL at the end of a COPY" |w, r| points::kill(w, r, points::COPY_END);
    "kill-at-commit" Near Soon "SIGKILL when a COMMIT is about to be sent" |w, r| points::kill(w, r, points::COMMIT);
    "kill-at-answer" Near Soon "SIGKILL when a COMMIT was done and its answer is on the way" |w, r| points::kill(w, r, points::ANSWER);
    "kill-at-retract" Near Soon "SIGKILL when a reorg's rows are about to be deleted" |w, r| points::kill(w, r, points::RETRACT);
    "kill-at-prepare" Near Soon "SIGKILL when a table is being prepared, several times in a row" |w, r| points::kill_recovery(w, r, points::PREPARE);
    "kill-at-cleanup" Near Soon "SIGKILL when rows beyond the checkpoint are being deleted, several times in a row" |w, r| points::kill_recovery(w, r, points::CLEANUP);
    "freeze" Near Soon "SIGSTOP, and SIGCONT a while later" |w, r| process::freeze(w, r);
    "terminate" Near Soon "SIGTERM, and a new start" |w, r| process::terminate(w, r);
    // Several of them.
    "takeover" Near Soon "two to five instances, of which all but one are killed" |w, r| instances::takeover(w, r);
    "frozen-writer" Near Soon "the writer is frozen, loses its sessions to another instance, and thaws" |w, r| instances::frozen_writer(w, r);
    // COMMIT.
    "commit-reply-lost" Near Soon "a COMMIT is carried out and its answer is lost" |w, r| commits::reply_lost(w, r);
    "commit-never-sent" Near Soon "the connection is cut before a COMMIT" |w, r| commits::never_sent(w, r);
    "commit-reply-hangs" Near Soon "a COMMIT is carried out, its answer hangs, the connection is cut" |w, r| commits::reply_hangs(w, r);
    "copy-cut" Near Soon "the connection is cut in the middle of a COPY" |w, r| commits::copy_cut(w, r);
    "refused" Near Soon "PostgreSQL refuses a BEGIN or a COMMIT: deadlock, serialization, memory, disk, timeouts" |w, r| commits::refused(w, r);
    // The database.
    "pg-terminate-all" Near Soon "pg_terminate_backend of every session (57P01)" |w, r| database::terminate(w, r, true);
    "pg-terminate-one" Near Soon "pg_terminate_backend of one session (57P01)" |w, r| database::terminate(w, r, false);
    "pg-restart-fast" Near Soon "a fast restart of PostgreSQL" |w, r| database::restart(w, r, true);
    "pg-restart-immediate" Near Soon "PostgreSQL stops at once and recovers" |w, r| database::restart(w, r, false);
    "pg-backend-killed" Near Soon "a backend dies by SIGKILL: all sessions end (57P02), recovery (57P03)" |w, r| database::backend_killed(w, r);
    "pg-read-only" Near Soon "PostgreSQL only reads for a while (25006)" |w, r| database::read_only(w, r);
    "pg-no-connections" Near Soon "the role has no connections left (53300)" |w, r| database::no_connections(w, r);
    "pg-full" Near Soon "others have taken every connection there is (53300)" |w, r| database::full(w, r);
    "pg-no-login" Near Soon "the role may not log in for a while (28000)" |w, r| database::no_login(w, r);
    "pg-password" Near Soon "the role has another password for a while (28P01)" |w, r| database::password(w, r);
    "pg-revoked" Near Soon "the role may not connect to the database for a while (42501)" |w, r| database::revoked(w, r);
    "pg-timeouts" Near Soon "the role has timeouts of a millisecond: statement, lock, idle" |w, r| database::timeouts(w, r);
    "pg-table-locked" Near Soon "somebody locks a table for a while" |w, r| database::table_locked(w, r);
    "pg-deadlock" Near Soon "somebody locks a table and then its checkpoint, which is a deadlock (40P01)" |w, r| database::deadlock(w, r);
    "pg-checkpoint-locked" Near Soon "somebody locks the checkpoints for a while" |w, r| database::checkpoints_locked(w, r);
    "disk-full" Near Soon "the disk is full for a while (53100); needs root" |w, r| database::disk_full(w, r);
    // The network before the database.
    "pg-net-cut" Near Soon "all connections to PostgreSQL are cut" |w, r| network::cut(w, r, network::Side::Database);
    "pg-net-refused" Near Soon "connections to PostgreSQL are refused for a while" |w, r| network::refused(w, r, network::Side::Database);
    "pg-net-stall" Near Soon "nothing passes to and from PostgreSQL for a while" |w, r| network::stalled(w, r, network::Side::Database);
    "pg-net-slow" Near Soon "latency, 100 kB/s or one-byte segments before PostgreSQL" |w, r| network::slow(w, r, network::Side::Database);
    "pg-net-half-open" Near Late "connections to PostgreSQL become half-open" |w, r| network::half_open(w, r, network::Side::Database);
    // Reorgs while nobody looks, and columns that change.
    "reorg-offline" Near Soon "reorgs while ampsync is down" |w, r| process::reorg_offline(w, r);
    "schema-change" Near Soon "a table loses a column, and has it again later" |w, r| server::schema_change(w, r);
    // The network before the server.
    "net-cut" Far Soon "all connections to the server are cut" |w, r| network::cut(w, r, network::Side::Server);
    "net-refused" Far Soon "connections to the server are refused for a while" |w, r| network::refused(w, r, network::Side::Server);
    "net-stall" Far Soon "nothing passes to and from the server for a while" |w, r| network::stalled(w, r, network::Side::Server);
    "net-slow" Far Soon "latency, 100 kB/s or one-byte segments before the server" |w, r| network::slow(w, r, network::Side::Server);
    "net-garbled" Far Soon "bytes from the server arrive as others" |w, r| network::garbled(w, r);
    "net-half-open" Far Late "connections to the server become half-open" |w, r| network::half_open(w, r, network::Side::Server);
    // The server.
    "server-restart" Far Soon "the server is down for a while; its port refuses" |w, r| server::restart(w, r);
    "server-goaway" Far Soon "the server says goodbye to its connections (GOAWAY) again and again" |w, r| server::goaway(w, r);
    "server-errors" Far Soon "calls are answered with errors of every code for a while" |w, r| server::errors(w, r);
    "stream-status" Far Soon "streams end with an error after any message" |w, r| server::stream_status(w, r);
    "stream-reset" Far Soon "streams are reset after any message" |w, r| server::stream_reset(w, r);
    "stream-ends" Far Soon "streams end cleanly, again and again" |w, r| server::stream_ends(w, r);
    "call-withheld" Far Late "a call is never answered, pings are" |w, r| server::call_withheld(w, r);
    "stream-silent" Far Late "a stream never says anything, pings are answered" |w, r| server::stream_silent(w, r);
    // What it says that is not so.
    "lie-gap" Far Soon "a range lacks its first block" |w, r| lies::misplaced(w, r, Lie::Gap);
    "lie-overlap" Far Soon "a range repeats the block below" |w, r| lies::misplaced(w, r, Lie::Overlap);
    "lie-hash" Far Soon "a range's hash is of no block" |w, r| lies::tell(w, r, Lie::Hash);
    "lie-prev-hash" Far Soon "a range's parent is no block" |w, r| lies::tell(w, r, Lie::PrevHash);
    "lie-other-dataset" Far Soon "a range goes on from another dataset's cursor" |w, r| lies::tell(w, r, Lie::OtherDataset);
    "lie-rows-above" Far Soon "rows lie above their range" |w, r| lies::tell(w, r, Lie::RowsAbove);
    "lie-unordered" Far Soon "rows are not in the order of their blocks" |w, r| lies::tell(w, r, Lie::Unordered);
    "lie-rows-in-completion" Far Soon "a completion message has rows" |w, r| lies::tell(w, r, Lie::RowsInCompletion);
    "lie-network" Far Soon "a range is of another network" |w, r| lies::tell(w, r, Lie::OtherNetwork);
    "lie-two-networks" Far Soon "a range is of two networks" |w, r| lies::tell(w, r, Lie::TwoNetworks);
    "lie-no-metadata" Far Soon "the metadata is missing" |w, r| lies::tell(w, r, Lie::NoMetadata);
    "lie-metadata" Far Soon "the metadata is not JSON" |w, r| lies::tell(w, r, Lie::Garbage);
    "lie-no-completion" Far Soon "the completion message is missing" |w, r| lies::tell(w, r, Lie::NoCompletion);
    "lie-truncated" Far Soon "a record batch lacks its end" |w, r| lies::tell(w, r, Lie::TruncatedBody);
    "lie-garbled" Far Soon "a message's header is garbled" |w, r| lies::tell(w, r, Lie::GarbledHeader);
    "lie-oversized" Far Soon "a message is larger than what is decoded" |w, r| lies::tell(w, r, Lie::Oversized);
    "lie-cursor" Far Soon "the server ignores the cursor" |w, r| lies::ignored_cursor(w, r);
    // The chain.
    "reorg-deep" Far Soon "reorgs of 10 to 60 blocks" |w, r| chain::deep(w, r);
    "reorg-beyond" Far Soon "a reorg beyond the retention" |w, r| chain::beyond(w, r);
    "reorg-nested" Far Soon "reorgs of reorgs, one after the other" |w, r| chain::nested(w, r);
    "reorg-back" Far Soon "the chain returns to an older fork" |w, r| chain::back(w, r);
    "reorg-forgotten" Far Soon "a reorg whose fork the server has forgotten" |w, r| chain::forgotten(w, r);
    "server-behind" Far Soon "the server starts over, is behind the tables, and catches up" |w, r| chain::behind(w, r);
};

/// The faults that the options ask for.
///
/// # Errors
/// When there is no such fault.
pub(super) fn chosen(options: &Options) -> Result<Vec<&'static Fault>> {
    for name in &options.fault {
        if !FAULTS.iter().any(|fault| fault.name == name) {
            bail!("there is no fault {name:?}; see `cargo xtask chaos --list`");
        }
    }
    let wanted = |fault: &&Fault| match options.fault.as_slice() {
        [] => options.slow || fault.heals == Heals::Soon,
        named => named.iter().any(|name| name == fault.name),
    };
    Ok(FAULTS.iter().filter(wanted).collect())
}

/// Prints the table.
pub(super) fn print() {
    for Fault { name, about, heals, .. } in FAULTS {
        let late = if *heals == Heals::Late { " (heals late: with --slow or by name)" } else { "" };
        println!("{name:<24}{about}{late}");
    }
}
