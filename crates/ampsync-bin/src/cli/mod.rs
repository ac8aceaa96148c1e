//! The command line: verbs, and a flag for each environment variable.

mod check;
mod completions;
#[cfg(test)]
mod document;
mod flags;
mod healthcheck;
mod help;
mod plan;
mod reset;
mod rollback;
mod schema;
mod status;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use clap_complete::Shell;

use crate::{
    healthcheck as probe, reset as forget, rollback as back, schema as tables, status as stored,
};

use crate::check::PlanRequest;

pub(crate) use help::WELCOME;

/// What is to be done, and what was given with it.
#[derive(Debug)]
pub(crate) struct CommandLine {
    pub(crate) verb: Verb,
    /// The values of flags, by the variable that means the same.
    pub(crate) flags: BTreeMap<String, OsString>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Keep the tables in step until told to stop.
    Sync,
    /// Try everything out, within this time.
    Check(Duration),
    /// Say what a start would change.
    Plan(PlanRequest),
    /// Say what the tables look like.
    Schema(tables::Request),
    /// Say how far the tables are.
    Status(stored::Request),
    /// Let tables begin anew.
    Reset(forget::Request),
    /// Put the revision of a table that was replaced last in its place again.
    Rollback(back::Request),
    /// Ask a running instance how it is.
    Healthcheck(probe::Request),
    /// Print what a shell completes commands with.
    Completions(Shell),
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// When they are wrong, or ask for the help or the version: clap's error prints what is due.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<CommandLine, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut flags = flags::given(&matches);
    let Some((name, of_verb)) = matches.subcommand() else {
        return Ok(CommandLine { verb: Verb::Sync, flags });
    };
    refuse_foreign(&mut command, name, &flags)?;
    flags.extend(flags::given(of_verb));
    Ok(CommandLine { verb: verb(name, of_verb), flags })
}

fn verb(name: &str, matches: &ArgMatches) -> Verb {
    match name {
        "check" => Verb::Check(check::within(matches)),
        "plan" => Verb::Plan(plan::request(matches)),
        "schema" => Verb::Schema(schema::request(matches)),
        "status" => Verb::Status(status::request(matches)),
        "reset" => Verb::Reset(reset::request(matches)),
        "rollback" => Verb::Rollback(rollback::request(matches)),
        "healthcheck" => Verb::Healthcheck(healthcheck::request(matches)),
        "completions" => Verb::Completions(completions::shell(matches)),
        _ => Verb::Sync,
    }
}

/// A flag before the verb has to be one of the verb's own.
fn refuse_foreign(
    command: &mut Command,
    verb: &str,
    flags: &BTreeMap<String, OsString>,
) -> Result<(), clap::Error> {
    let is_known = |variable: &String| {
        let verb = command.find_subcommand(verb);
        verb.is_some_and(|verb| verb.get_arguments().any(|arg| arg.get_id() == variable.as_str()))
    };
    match flags.keys().find(|variable| !is_known(variable)) {
        None => Ok(()),
        Some(variable) => {
            let flag = crate::settings::flag(variable);
            let text = format!("ampsync {verb} does not know --{flag}");
            Err(command.error(ErrorKind::UnknownArgument, text))
        }
    }
}

/// The whole command line, for completions too.
pub(crate) fn command() -> Command {
    Command::new("ampsync")
        .version(env!("CARGO_PKG_VERSION"))
        .about(help::ABOUT)
        .long_about(help::LONG_ABOUT)
        .after_help(help::SHORT)
        .after_long_help(format!("{}\n\n{}", help::LONG, help::OPTIONS_FILE))
        .args(flags::all())
        .subcommand(sync::command())
        .subcommand(check::command())
        .subcommand(plan::command())
        .subcommand(status::command())
        .subcommand(reset::command())
        .subcommand(rollback::command())
        .subcommand(schema::command())
        .subcommand(healthcheck::command())
        .subcommand(completions::command())
        .disable_help_subcommand(true)
}
