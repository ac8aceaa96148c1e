//! Configs that are programs: evaluated to the document that they mean.
//!
//! A config is evaluated in a thread of its own, which has a stack that is deep enough for what
//! parsers and programs do, and which is left behind should it not come to an end. The caller's
//! thread meanwhile reads the files that are asked for, so that [`FileLoader`] may be anything.
//!
//! [`FileLoader`]: crate::FileLoader

mod commonjs;
mod engine;
mod explain;
mod imports;
mod outline;
mod positions;
mod resolve;
mod session;
mod source;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::{ConsoleLevel, Host, Limits};
use crate::places::Places;

/// What a config is evaluated to.
pub(crate) struct Evaluated {
    /// The document, as JSON.
    pub(crate) document: String,
    /// Where its parts are in the config.
    pub(crate) places: Places,
}

/// What the evaluation asks of the caller's thread.
enum Ask {
    Read(PathBuf),
    Print(ConsoleLevel, String),
    Done(Box<Result<Evaluated, Diagnostics>>),
}

/// What the evaluation is given.
struct Job {
    path: PathBuf,
    text: String,
    environment: BTreeMap<String, String>,
    limits: Limits,
}

/// Only touched where it is used; a parser of a nested program may need much of it.
const STACK_BYTES: usize = 256 << 20;
/// Lines of the console that are passed on.
const LINES_MAX: usize = 1_000;
/// How long the evaluation has to notice by itself that its time is up. Not every function that is
/// built into JavaScript can be interrupted.
const GRACE: Duration = Duration::from_secs(1);

/// Evaluates the config at `path`, whose text is `text`.
pub(crate) fn evaluate(
    path: &Path,
    text: String,
    host: &Host<'_>,
) -> Result<Evaluated, Diagnostics> {
    let job = Job {
        path: path.to_owned(),
        text,
        environment: host.environment.clone(),
        limits: host.limits,
    };
    let (asks, asked) = sync_channel(1);
    let (answers, answered) = sync_channel(1);
    let evaluation = thread::Builder::new()
        .name("config".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || session::Link::new(asks, answered).run(job));
    match evaluation {
        // It says what it has to say through the channel, and is never waited for.
        Ok(_thread) => serve(path, host, &asked, &answers),
        Err(error) => {
            let problem = format!("the config cannot be evaluated: {error}");
            let remedy = "allow the process another thread and 256 MiB of address space";
            Err(Diagnostic::of_file(path, problem, remedy).into())
        }
    }
}

/// Does what the evaluation asks for until it is done.
fn serve(
    path: &Path,
    host: &Host<'_>,
    asked: &Receiver<Ask>,
    answers: &SyncSender<io::Result<String>>,
) -> Result<Evaluated, Diagnostics> {
    let mut lines = 0;
    loop {
        match asked.recv_timeout(host.limits.time_max.saturating_add(GRACE)) {
            Ok(Ask::Read(path)) => {
                // Should nobody listen any more, the next message says why.
                drop(answers.send(host.files.read(&path)));
            }
            Ok(Ask::Print(level, line)) => {
                lines += 1;
                if lines <= LINES_MAX {
                    (host.console)(level, &line);
                } else if lines == LINES_MAX + 1 {
                    (host.console)(ConsoleLevel::Warn, "the config prints more, which is dropped");
                }
            }
            Ok(Ask::Done(outcome)) => return *outcome,
            Err(RecvTimeoutError::Timeout) => {
                return Err(explain::out_of_time(path, host.limits).into());
            }
            Err(RecvTimeoutError::Disconnected) => {
                let problem = "evaluating the config failed for a reason that is not its own";
                let remedy =
                    "build the manifest to JSON and name that file, and report this config";
                return Err(Diagnostic::of_file(path, problem, remedy).into());
            }
        }
    }
}
