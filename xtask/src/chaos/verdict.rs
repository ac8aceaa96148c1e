use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::time::sleep;

use super::world::World;
use crate::stage;

const POLL: Duration = Duration::from_millis(200);
/// How long no table may move before the run has failed: longer than any limit of ampsync's own.
const PATIENCE: Duration = Duration::from_secs(150);

/// How often each fault has struck, and how often it found nothing to strike.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<&'static str, (u64, u64)>>);

impl Tally {
    pub(super) fn add(&self, name: &'static str, struck: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (hits, misses) = counts.entry(name).or_default();
        *(if struck { hits } else { misses }) += 1;
    }

    pub(super) fn struck(&self) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.values().map(|(hits, _)| hits).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, (hits, misses)) in counts.iter() {
            write!(f, "  {name:<24}{hits:>5}")?;
            if *misses > 0 {
                write!(f, "  (and {misses} times in vain)")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Waits until every table is at the head of the chain.
///
/// # Errors
/// When no table moves for too long.
pub(super) async fn caught_up(world: &World) -> Result<()> {
    let session = world.admin().await?;
    let (mut last, mut changed) = (None, Instant::now());
    loop {
        let states = stage::read(&session).await?;
        let head = stage::head(&world.chain());
        let at_head = |table: &String| {
            states.get(table).is_some_and(|s| s.cursor.is_some() && s.cursor == head)
        };
        if world.tables.iter().all(at_head) {
            return Ok(());
        }
        if last.as_ref() != Some(&states) {
            (last, changed) = (Some(states), Instant::now());
        }
        if changed.elapsed() > PATIENCE {
            let seconds = PATIENCE.as_secs();
            bail!("no progress towards {head:?} for {seconds} s; the tables are at {last:?}");
        }
        sleep(POLL).await;
    }
}

/// Compares the tables, and asks the watchers.
///
/// # Errors
/// When something is wrong.
pub(super) async fn judge(world: &World, tally: &Tally) -> Result<()> {
    world.stop().await?;
    let session = world.admin().await?;
    world.compare(&session).await?;
    let watched = world.watchers.finish().await?;
    let temporary = "SELECT count(*) FROM pg_class WHERE relpersistence = 't'";
    let left: i64 = session.query_one(temporary, &[]).await?.try_get(0)?;
    ensure!(left == 0, "there are {left} temporary tables");
    println!("{watched}");
    println!("verdict: healed from {} faults; every table is equal to the chain", tally.struck());
    Ok(())
}
