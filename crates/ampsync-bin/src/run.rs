//! The program from its arguments to its exit code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{self, Verb};
use crate::console::Console;
use crate::settings::{Given, Mistakes, SchemaSettings, Settings};
use crate::{logging, schema, sync};

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
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Failed => 1,
            Exit::Mistake => 2,
            Exit::TableStopped => 3,
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
    let given = Given { flags: line.flags, environment };
    let read_file = |path: &Path| std::fs::read_to_string(path);
    match line.verb {
        Verb::Sync => match Settings::read(&given, &read_file) {
            Ok(settings) => {
                let console = Console::new(&settings.log);
                logging::start(&settings.log, &console);
                in_runtime(sync::sync(settings, console))
            }
            Err(mistakes) => refuse(&mistakes),
        },
        Verb::Schema(request) => match SchemaSettings::read(&given, &read_file, request.diff) {
            Ok(settings) => {
                logging::start(&settings.log, &Console::new(&settings.log));
                in_runtime(schema::schema(settings, request))
            }
            Err(mistakes) => refuse(&mistakes),
        },
    }
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
