use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::help;

pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print what a shell completes the commands with")
        .after_help(help::COMPLETIONS)
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(value_parser!(Shell))
                .help("Which shell"),
        )
}

pub(super) fn shell(matches: &ArgMatches) -> Shell {
    // It is required; clap has refused the line without it.
    matches.get_one("shell").copied().unwrap_or(Shell::Bash)
}
