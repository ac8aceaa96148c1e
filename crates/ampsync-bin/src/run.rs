//! The program from its arguments to its exit code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::{self, Verb, WELCOME};
use crate::console::Console;
use crate::logging::LogSettings;
use crate::reload::{Begun, Read};
use crate::settings::{self, Given, Mistakes, Parts, SchemaSettings, StoredSettings};
use crate::{check, healthcheck, logging, reset, rollback, schema, status, sync};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was asked to stop, and did.
    Clean,
    /// It failed.
    Failed,
    /// The usage or the configuration has a mistake.
    Mistake,
    /// A table has stopped for good.
    TableStopped,
    /// A start would change something.
    Changes,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Failed => 1,
            Exit::Mistake => 2,
            Exit::TableStopped => 3,
            Exit::Changes => 4,
        })
    }
}

/// Runs the program.
pub(crate) fn main(arguments: Vec<OsString>, environment: BTreeMap<OsString, OsString>) -> Exit {
    let line = match cli::parse(arguments) {
        Ok(line) => line,
        Err(error) => {
            // The help goes to stdout; a closed pipe is no reason to fail.
            error.print().ok();
            return if error.exit_code() == 0 { Exit::Clean } else { Exit::Mistake };
        }
    };
    let given = Arc::new(Given { flags: line.flags, environment });
    run(line.verb, &given).unwrap_or_else(|mistakes| {
        let exit = refuse(&mistakes);
        if given.is_empty() {
            eprintln!("\n{WELCOME}");
        }
        exit
    })
}

fn run(verb: Verb, given: &Arc<Given>) -> Result<Exit, Mistakes> {
    match verb {
        Verb::Sync => {
            let Read { settings, lasting, files } = Read::now(given);
            let settings = settings?;
            let console = Console::new(&settings.log);
            logging::start(&settings.log, &console);
            let begun = Begun { given: Arc::clone(given), lasting, files };
            Ok(in_runtime(sync::sync(settings, begun, console)))
        }
        Verb::Check(within) => Ok(in_runtime(check::check(parts(given), within))),
        Verb::Plan(request) => Ok(in_runtime(check::plan(parts(given), request))),
        Verb::Schema(request) => {
            let settings = SchemaSettings::read(given, &read_file, request.diff)?;
            log_to_stderr(&settings.log);
            Ok(in_runtime(schema::schema(settings, request)))
        }
        Verb::Status(request) => Ok(in_runtime(status::status(stored(given)?, request))),
        Verb::Reset(request) => Ok(in_runtime(reset::reset(stored(given)?, request))),
        Verb::Rollback(request) => Ok(in_runtime(rollback::rollback(stored(given)?, request))),
        Verb::Healthcheck(request) => Ok(match settings::health_address(given, &read_file) {
            Ok(address) => healthcheck::healthcheck(address, request),
            Err(mistakes) => {
                refuse(&mistakes);
                // Docker reserves every other code.
                Exit::Failed
            }
        }),
        Verb::Completions(shell) => Ok(completions(shell)),
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

/// The settings as far as they make sense, of a verb that tells every mistake itself.
fn parts(given: &Given) -> Parts {
    let parts = Parts::read(given, &read_file);
    if let Some(log) = &parts.log {
        log_to_stderr(log);
    }
    parts
}

/// The settings of a verb that looks at what is stored.
fn stored(given: &Given) -> Result<StoredSettings, Mistakes> {
    let settings = StoredSettings::read(given, &read_file)?;
    log_to_stderr(&settings.log);
    Ok(settings)
}

fn log_to_stderr(settings: &LogSettings) {
    logging::start(settings, &Console::new(settings));
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "ampsync", &mut script);
    // A closed pipe is no reason to fail.
    std::io::stdout().write_all(&script).ok();
    Exit::Clean
}

/// Tells the mistakes, as text whatever the format of the log: they are for a person.
pub(crate) fn refuse(mistakes: &Mistakes) -> Exit {
    eprintln!("ampsync: {mistakes}");
    Exit::Mistake
}

fn in_runtime(work: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let exit = runtime.block_on(work);
            // Whatever still runs was given its time, and must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            tracing::error!(%error, "the async runtime cannot be started");
            Exit::Failed
        }
    }
}
