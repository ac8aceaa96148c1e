use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{check, flags, help};
use crate::check::PlanRequest;

pub(super) fn command() -> Command {
    Command::new("plan")
        .about("Print what a start would change in the database, with the locks it takes")
        .after_help(help::PLAN)
        .arg(check::within_argument())
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("The same as JSON, for machines"),
        )
        .args(flags::all())
}

pub(super) fn request(matches: &ArgMatches) -> PlanRequest {
    PlanRequest { within: check::within(matches), json: matches.get_flag("json") }
}
