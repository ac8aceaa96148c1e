//! The command line: verbs, and a flag for each environment variable.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Command};

use crate::settings::{ALL, Spec, flag};

/// What is to be done, and what was given with it.
#[derive(Debug)]
pub(crate) struct CommandLine {
    pub(crate) verb: Verb,
    /// The values of flags, by the variable that means the same.
    pub(crate) flags: BTreeMap<String, OsString>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Keep the tables in step until told to stop.
    Sync,
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// When they are wrong, or ask for the help or the version: clap's error prints what is due.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<CommandLine, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let (verb, matches) = match matches.subcommand() {
        // There is no other yet.
        Some((_, of_verb)) => (Verb::Sync, of_verb),
        None => (Verb::Sync, &matches),
    };
    Ok(CommandLine { verb, flags: flags(matches) })
}

fn flags(matches: &ArgMatches) -> BTreeMap<String, OsString> {
    let variables = ALL.iter().flat_map(|spec| [Some(spec.name.to_owned()), spec.file_name()]);
    variables
        .flatten()
        .filter_map(|name| Some((name.clone(), matches.get_one::<OsString>(&name)?.clone())))
        .collect()
}

fn command() -> Command {
    let sync =
        Command::new("sync").about("Keep the tables in step until told to stop (the default)");
    Command::new("ampsync")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Keeps the tables of a Nozzle (Amp) dataset in your PostgreSQL")
        .after_help(
            "Every flag is also an environment variable; a flag goes before it, and an empty value \
             counts as not set. Flags can be seen by other users of the machine: give passwords \
             and tokens in variables or files.\n\n\
             Exit codes: 0 stopped when told to, 1 failed, 2 a mistake in the usage or \
             configuration, 3 a table has stopped for good.",
        )
        .args(ALL.iter().flat_map(|spec| arguments(spec)))
        .subcommand(sync)
}

/// The flag of a setting, and the one that names a file with its value.
fn arguments(spec: &Spec) -> Vec<Arg> {
    let argument = |variable: &str, value: &'static str, help: String| {
        Arg::new(variable.to_owned())
            .long(flag(variable))
            .value_name(value)
            .value_parser(ValueParser::os_string())
            .help(help)
            .help_heading(spec.group.heading())
            .global(true)
    };
    let mut help = spec.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let names = std::iter::once(&spec.name).chain(spec.aliases);
    let names = names.copied().collect::<Vec<_>>().join(", ");
    help = format!("{help} [env: {names}]");
    if let Some(default) = spec.default {
        help = format!("{help} [default: {default}]");
    }
    let file = spec.file_name().map(|name| {
        let help = format!("A file with the value of {} [env: {name}]", spec.name);
        argument(&name, "PATH", help)
    });
    std::iter::once(argument(spec.name, spec.value, help)).chain(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        std::iter::once(&"ampsync").chain(words).map(OsString::from).collect()
    }

    #[test]
    fn flags_come_before_or_after_the_verb_or_without_it() {
        for arguments in [
            words(&["--tables", "a"]),
            words(&["sync", "--tables=a"]),
            words(&["--tables", "a", "sync"]),
        ] {
            let line = parse(arguments).unwrap();
            assert_eq!(line.verb, Verb::Sync);
            assert_eq!(line.flags.get("TABLES").unwrap(), "a");
        }
    }

    #[test]
    fn an_unknown_flag_is_a_mistake_in_the_usage() {
        assert_eq!(parse(words(&["--tabels", "a"])).unwrap_err().exit_code(), 2);
        assert_eq!(parse(words(&["resync"])).unwrap_err().exit_code(), 2);
        assert_eq!(parse(words(&["--help"])).unwrap_err().exit_code(), 0);
    }

    #[test]
    fn every_setting_has_a_flag_and_is_documented() {
        command().debug_assert();
        let help = command().render_help().to_string();
        for spec in ALL {
            assert!(help.contains(&format!("--{}", flag(spec.name))), "{}", spec.name);
            assert!(!spec.doc.is_empty() && !spec.example.is_empty(), "{}", spec.name);
        }
    }
}
