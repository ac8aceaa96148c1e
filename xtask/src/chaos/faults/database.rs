//! What happens to PostgreSQL.

mod disk;

use std::time::Duration;

use ampsync_testkit::postgres::Stop;
use anyhow::{Context, Result};
use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::super::world::{DATABASE, ROLE, World};
use super::points::provoke;
use super::{POLL, comes_true, hold};

pub(in super::super) use disk::{Disk, full as disk_full};

/// How long an error may take to come.
const WAIT: Duration = Duration::from_secs(15);
/// How long an instance may take to come so far as to write: on a machine with other work, a
/// connection alone can take a minute.
const WRITER_WITHIN: Duration = Duration::from_secs(120);

/// The sessions of all instances.
async fn sessions(world: &World) -> Result<Vec<i32>> {
    let session = world.admin().await?;
    let query = "SELECT pid FROM pg_stat_activity WHERE usename = $1 AND datname = $2 ORDER BY 1";
    let rows = session.query(query, &[&ROLE, &DATABASE]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Waits until an instance has come so far as to hold the right to write a table, but not for ever.
async fn writer_exists(world: &World) -> Result<()> {
    let session = world.admin().await?;
    let query = "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) \
                 WHERE locktype = 'advisory' AND granted AND usename = $1)";
    let deadline = Instant::now() + WRITER_WITHIN;
    while !session.query_one(query, &[&ROLE]).await?.try_get::<_, bool>(0)?
        && Instant::now() < deadline
    {
        sleep(POLL).await;
    }
    Ok(())
}

async fn end_sessions(world: &World, pids: &[i32]) -> Result<()> {
    let end = |pid: &i32| format!("SELECT pg_terminate_backend({pid})");
    world.execute(&pids.iter().map(end).collect::<Vec<_>>()).await
}

pub(in super::super) async fn terminate(world: &World, mut random: Rng, all: bool) -> Result<bool> {
    hold(&mut random, 0..400).await;
    let mut pids = sessions(world).await?;
    if !all && !pids.is_empty() {
        pids = vec![pids.swap_remove(random.usize(0..pids.len()))];
    }
    end_sessions(world, &pids).await?;
    Ok(!pids.is_empty())
}

pub(in super::super) async fn restart(world: &World, mut random: Rng, fast: bool) -> Result<bool> {
    hold(&mut random, 0..400).await;
    let mut cluster = world.cluster.lock().await;
    cluster.stop(if fast { Stop::Fast } else { Stop::Immediate })?;
    if random.bool() {
        hold(&mut random, 0..3_000).await;
    }
    cluster.resume().await?;
    Ok(true)
}

pub(in super::super) async fn backend_killed(world: &World, mut random: Rng) -> Result<bool> {
    hold(&mut random, 0..400).await;
    let pids = sessions(world).await?;
    let Some(pid) = pids.get(random.usize(0..pids.len().max(1))) else { return Ok(false) };
    let pid = Pid::from_raw(*pid).context("a session without a process")?;
    // It may have ended meanwhile.
    let killed = kill_process(pid, Signal::KILL).is_ok();
    world.admin().await?;
    Ok(killed)
}

/// The sessions of others take every connection there is, those of ampsync too.
pub(in super::super) async fn full(world: &World, mut random: Rng) -> Result<bool> {
    let before = world.database.errors("53300");
    let mut crowd = Vec::new();
    let deadline = Instant::now() + WAIT;
    while world.database.errors("53300") == before && Instant::now() < deadline {
        while let Ok(one) = world.crowd().await {
            crowd.push(one);
        }
        end_sessions(world, &sessions(world).await?).await?;
    }
    let struck = world.database.errors("53300") > before;
    provoke(world, &mut random).await;
    hold(&mut random, 0..2_500).await;
    Ok(struck)
}

/// Runs statements, lets them do harm, and runs others that end it.
///
/// It has struck when ampsync was told `sqlstate` meanwhile.
async fn while_in_force(
    world: &World,
    random: &mut Rng,
    begin: &[String],
    end: &[String],
    sqlstate: &str,
) -> Result<bool> {
    // A process that has just been started takes a refused login for a mistake, and ends.
    writer_exists(world).await?;
    let before = world.database.errors(sqlstate);
    world.execute(begin).await?;
    provoke(world, random).await;
    let struck = comes_true(WAIT, || world.database.errors(sqlstate) > before).await;
    hold(random, 0..2_500).await;
    world.execute(end).await?;
    Ok(struck)
}

fn end_all() -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")
}

pub(in super::super) async fn read_only(world: &World, mut random: Rng) -> Result<bool> {
    let reload = "SELECT pg_reload_conf()".to_owned();
    let begin = ["ALTER SYSTEM SET default_transaction_read_only = on".to_owned(), reload.clone()];
    // The session that ends it only reads, too.
    let end = [
        "SET default_transaction_read_only = off".to_owned(),
        "ALTER SYSTEM RESET default_transaction_read_only".to_owned(),
        reload,
    ];
    while_in_force(world, &mut random, &begin, &end, "25006").await
}

pub(in super::super) async fn no_connections(world: &World, mut random: Rng) -> Result<bool> {
    let limit = random.u8(0..3);
    let begin = [format!("ALTER ROLE {ROLE} CONNECTION LIMIT {limit}"), end_all()];
    let end = [format!("ALTER ROLE {ROLE} CONNECTION LIMIT -1")];
    while_in_force(world, &mut random, &begin, &end, "53300").await
}

pub(in super::super) async fn no_login(world: &World, mut random: Rng) -> Result<bool> {
    let begin = [format!("ALTER ROLE {ROLE} NOLOGIN"), end_all()];
    let end = [format!("ALTER ROLE {ROLE} LOGIN")];
    while_in_force(world, &mut random, &begin, &end, "28000").await
}

pub(in super::super) async fn password(world: &World, mut random: Rng) -> Result<bool> {
    let begin = [format!("ALTER ROLE {ROLE} PASSWORD 'another'"), end_all()];
    let end = [format!("ALTER ROLE {ROLE} PASSWORD '{ROLE}'")];
    while_in_force(world, &mut random, &begin, &end, "28P01").await
}

pub(in super::super) async fn revoked(world: &World, mut random: Rng) -> Result<bool> {
    // The owner of a database may always connect.
    let begin = [
        format!("ALTER DATABASE {DATABASE} OWNER TO postgres"),
        format!("REVOKE CONNECT ON DATABASE {DATABASE} FROM {ROLE}"),
        end_all(),
    ];
    let end = [
        format!("ALTER DATABASE {DATABASE} OWNER TO {ROLE}"),
        format!("GRANT CONNECT ON DATABASE {DATABASE} TO {ROLE}"),
    ];
    while_in_force(world, &mut random, &begin, &end, "42501").await
}

pub(in super::super) async fn timeouts(world: &World, mut random: Rng) -> Result<bool> {
    let names = [
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
    ];
    let begin: Vec<_> = names
        .iter()
        .map(|name| format!("ALTER ROLE {ROLE} SET {name} = '1ms'"))
        .chain([end_all()])
        .collect();
    let before = world.database.connections();
    world.execute(&begin).await?;
    provoke(world, &mut random).await;
    let struck = comes_true(WAIT, || world.database.connections() > before).await;
    hold(&mut random, 500..4_000).await;
    world.execute(&[format!("ALTER ROLE {ROLE} RESET ALL")]).await?;
    Ok(struck)
}

/// Keeps a lock until somebody waits for it, and then some.
async fn locked(world: &World, mut random: Rng, lock: &str) -> Result<bool> {
    let session = world.admin().await?;
    session.batch_execute(&format!("BEGIN; {lock}")).await.context("could not lock")?;
    provoke(world, &mut random).await;
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)";
    let deadline = Instant::now() + WAIT;
    let mut struck = false;
    while !struck && Instant::now() < deadline {
        struck = session.query_one(waiting, &[]).await?.try_get(0)?;
        sleep(POLL).await;
    }
    // Longer than the lock timeout, once in a while.
    let most = if random.u8(0..4) == 0 { 14_000 } else { 3_000 };
    hold(&mut random, 0..most).await;
    session.batch_execute("ROLLBACK").await.context("could not unlock")?;
    Ok(struck)
}

pub(in super::super) async fn table_locked(world: &World, mut random: Rng) -> Result<bool> {
    let table = world.tables.get(random.usize(0..world.tables.len()));
    let table = table.context("there are no tables")?;
    locked(world, random, &format!("LOCK TABLE \"{table}\" IN ACCESS EXCLUSIVE MODE")).await
}

/// Locks a table and, once ampsync waits for it, the checkpoint that ampsync has locked.
pub(in super::super) async fn deadlock(world: &World, mut random: Rng) -> Result<bool> {
    let before = world.database.errors("40P01");
    let session = world.admin().await?;
    // Whoever looks first is the one that PostgreSQL ends.
    let lock = "SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE blocks IN SHARE MODE";
    session.batch_execute(lock).await.context("could not lock")?;
    provoke(world, &mut random).await;
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted \
                   AND relation = 'blocks'::regclass AND mode = 'RowExclusiveLock')";
    let deadline = Instant::now() + WAIT;
    while !session.query_one(waiting, &[]).await?.try_get::<_, bool>(0)?
        && Instant::now() < deadline
    {
        sleep(POLL).await;
    }
    let lock = "SELECT FROM ampsync.checkpoints WHERE table_name = 'blocks' FOR UPDATE";
    session.batch_execute(lock).await.context("could not lock the checkpoint")?;
    session.batch_execute("ROLLBACK").await.context("could not unlock")?;
    Ok(world.database.errors("40P01") > before)
}

pub(in super::super) async fn checkpoints_locked(world: &World, random: Rng) -> Result<bool> {
    locked(world, random, "SELECT FROM ampsync.checkpoints FOR UPDATE").await
}
