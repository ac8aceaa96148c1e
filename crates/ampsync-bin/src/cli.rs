//! The command line: verbs, and a flag for each environment variable.

use std::collections::BTreeMap;
use std::ffi::OsString;

use ampsync_schema::migration::Layout;
use clap::builder::{PossibleValuesParser, TypedValueParser as _, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::schema::{Out, Request};
use crate::settings::{ALL, Spec, flag};

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
    /// Say what the tables look like.
    Schema(Request),
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// When they are wrong, or ask for the help or the version: clap's error prints what is due.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<CommandLine, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let (verb, matches) = match matches.subcommand() {
        Some(("schema", of_verb)) => (Verb::Schema(request(of_verb)), of_verb),
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

fn request(matches: &ArgMatches) -> Request {
    let out = matches.get_one::<OsString>("out").map(|folder| Out {
        folder: folder.into(),
        layout: matches.get_one::<Layout>("layout").copied().unwrap_or(Layout::Sqlx),
        name: matches.get_one::<String>("name").cloned(),
    });
    Request { diff: matches.get_flag("diff"), ask_server: matches.get_flag("ask-server"), out }
}

const NOTES: &str = "\
Every flag is also an environment variable; a flag goes before it, and an empty value counts as not \
set. Flags can be seen by other users of the machine: give passwords and tokens in variables or \
files.

Exit codes: 0 stopped when told to, or done; 1 failed; 2 a mistake in the usage or configuration; 3 a \
table has stopped for good.";

const OPTIONS_FILE: &str = include_str!("options/help.txt");

fn command() -> Command {
    let sync =
        Command::new("sync").about("Keep the tables in step until told to stop (the default)");
    Command::new("ampsync")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Keeps the tables of a Nozzle (Amp) dataset in your PostgreSQL")
        .after_help(NOTES)
        .after_long_help(format!("{NOTES}\n\n{OPTIONS_FILE}"))
        .args(ALL.iter().flat_map(|spec| arguments(spec)))
        .subcommand(sync)
        .subcommand(schema())
}

fn schema() -> Command {
    const HEADING: &str = "What is printed or written";
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).help_heading(HEADING)
    };
    let layouts = PossibleValuesParser::new(["sqlx", "refinery", "plain"])
        .map(|layout| layout.parse::<Layout>().unwrap_or(Layout::Sqlx));
    Command::new("schema")
        .about("Print the SQL that creates the tables, or write it as a migration")
        .after_help(
            "With a built manifest nothing is asked of anybody; without one, the server says what \
             columns there are. Nothing is ever changed in the database, and only --diff reads it. \
             What ampsync has to remember is not part of the SQL: it creates the schema ampsync \
             by itself.",
        )
        .arg(switch("diff", "Only what the database lacks; prints nothing if it lacks nothing"))
        .arg(switch("ask-server", "Take the columns from the server, whatever the manifest says"))
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(ValueParser::os_string())
                .help("Write the next migration into this folder instead of printing")
                .help_heading(HEADING),
        )
        .arg(
            Arg::new("layout")
                .long("layout")
                .value_parser(layouts)
                .requires("out")
                .help("How migrations are called there [default: sqlx]")
                .help_heading(HEADING),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .requires("out")
                .help("The name of the migration [default: ampsync_ and the dataset's name]")
                .help_heading(HEADING),
        )
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
    fn a_verb_has_flags_of_its_own() {
        let line =
            parse(words(&["schema", "--diff", "--out=x", "--layout", "refinery", "--tables=a"]));
        let line = line.unwrap();
        let out = Out { folder: "x".into(), layout: Layout::Refinery, name: None };
        assert_eq!(
            line.verb,
            Verb::Schema(Request { diff: true, ask_server: false, out: Some(out) })
        );
        assert_eq!(line.flags.get("TABLES").unwrap(), "a");
        for wrong in [
            &["schema", "--layout=sqlx"][..],
            &["schema", "--out=x", "--layout=y"],
            &["sync", "--diff"],
        ] {
            assert_eq!(parse(words(wrong)).unwrap_err().exit_code(), 2, "{wrong:?}");
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
