use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{flags, help};
use crate::healthcheck::Request;
use crate::settings::HEALTH_PORT;

pub(super) fn command() -> Command {
    Command::new("healthcheck")
        .about("Ask the ampsync that runs here how it is, for images without a shell")
        .after_help(help::HEALTHCHECK)
        .arg(
            Arg::new("ready")
                .long("ready")
                .action(ArgAction::SetTrue)
                .help("Ask whether every table is in step (/readyz), not only whether it answers"),
        )
        .args(flags::of_settings(&[HEALTH_PORT.spec]))
}

pub(super) fn request(matches: &ArgMatches) -> Request {
    Request { ready: matches.get_flag("ready") }
}
