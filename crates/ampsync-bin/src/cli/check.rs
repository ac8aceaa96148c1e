use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{flags, help};

const WITHIN: Duration = Duration::from_secs(60);

pub(super) fn command() -> Command {
    Command::new("check")
        .about("Try everything out once, and change nothing")
        .after_help(help::CHECK)
        .arg(within_argument())
        .args(flags::all())
}

pub(super) fn within_argument() -> Arg {
    Arg::new("within")
        .long("within")
        .value_name("SECONDS")
        .value_parser(value_parser!(u64).range(1..=86_400))
        .help("How long it may take; what was not asked by then is told [default: 60]")
}

pub(super) fn within(matches: &ArgMatches) -> Duration {
    matches.get_one("within").copied().map_or(WITHIN, Duration::from_secs)
}
