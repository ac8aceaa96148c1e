//! Notices that a file has changed: told by the system where it tells, and by comparing again and
//! again where it does not, as on some mounts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::debug;

use super::cause::Cause;
use super::files::Files;

/// How long nothing may happen until what was begun counts as done: an editor takes several steps.
const QUIET: Duration = Duration::from_millis(150);

/// How many such steps are waited for.
const STEPS_MAX: u32 = 20;

/// Tells of every change of the files that were read last, until nobody listens any more.
pub(super) async fn watch(
    files: watch::Receiver<Arc<Files>>,
    every: Duration,
    changed: mpsc::Sender<Cause>,
) {
    look(Folders::new(), files, every, changed).await;
}

async fn look(
    (mut folders, mut happened): (Folders, mpsc::Receiver<()>),
    mut files: watch::Receiver<Arc<Files>>,
    every: Duration,
    changed: mpsc::Sender<Cause>,
) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let known = Arc::clone(&files.borrow_and_update());
        folders.follow(&known);
        // After the folders are watched: what happens from here on is told.
        let look = spawn_blocking(move || known.changed().map(ToOwned::to_owned));
        if let Ok(Some(path)) = look.await {
            // The same change again is no news: the next one counts from what is read now.
            if changed.send(Cause::File(path)).await.is_err() || files.changed().await.is_err() {
                return;
            }
            continue;
        }
        tokio::select! {
            read = files.changed() => if read.is_err() { return },
            Some(()) = happened.recv() => settle(&mut happened).await,
            _ = ticks.tick() => {}
        }
    }
}

/// Waits until nothing happens any more.
async fn settle(happened: &mut mpsc::Receiver<()>) {
    for _ in 0..STEPS_MAX {
        if !matches!(timeout(QUIET, happened.recv()).await, Ok(Some(()))) {
            return;
        }
        // A burst is one step.
        tokio::time::sleep(QUIET / 3).await;
    }
}

/// The folders that the system watches for us, as far as it does.
struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// Held, so that waiting for what happens does not end where there is no watcher.
    _happens: mpsc::Sender<()>,
}

impl Folders {
    fn new() -> (Self, mpsc::Receiver<()>) {
        let (happens, happened) = mpsc::channel(1);
        let tell = happens.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().map_or(true, is_change) {
                // One that waits to be told is enough.
                tell.try_send(()).ok();
            }
        });
        let watcher = watcher.inspect_err(|error| {
            debug!(%error, "the system watches no files: they are compared at intervals");
        });
        (Self { watcher: watcher.ok(), watched: BTreeSet::new(), _happens: happens }, happened)
    }

    fn follow(&mut self, files: &Files) {
        let Some(watcher) = &mut self.watcher else { return };
        let folders = files.folders();
        for gone in self.watched.difference(&folders) {
            // It may be gone indeed.
            watcher.unwatch(gone).ok();
        }
        for folder in &folders {
            // Also those that are watched: one may have been made anew under its name.
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                debug!(folder = %folder.display(), %error, "the folder is not watched");
            }
        }
        self.watched = folders;
    }
}

/// Whether something may be different afterwards. Reading is none: we do that ourselves.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::recorded;
    use super::*;

    #[tokio::test]
    async fn where_the_system_tells_nothing_files_are_compared_at_intervals() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let read = || Arc::new(recorded(|read| read(&path)).1);
        std::fs::write(&path, "1").unwrap();
        let (reads, files) = watch::channel(read());
        let (changed, mut causes) = mpsc::channel(1);
        let (mut folders, happened) = Folders::new();
        folders.watcher = None;
        let every = Duration::from_millis(5);
        let looks = look((folders, happened), files, every, changed);
        let test = async {
            for text in ["2", "3"] {
                std::fs::write(&path, text).unwrap();
                assert_eq!(causes.recv().await, Some(Cause::File(path.clone())));
                reads.send_replace(read());
            }
        };
        tokio::select! {
            () = test => {}
            () = looks => panic!("it must not end"),
        }
    }
}
