use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{flags, help};
use crate::rollback::Request;
use crate::settings::{DATABASE_SCHEMA, Group};

pub(super) fn command() -> Command {
    Command::new("rollback")
        .about("Put the revision of a table that was replaced last in its place again")
        .after_help(help::ROLLBACK)
        .arg(
            Arg::new("table")
                .value_name("TABLE")
                .required(true)
                .help("The table: NAME in DATABASE_SCHEMA, or SCHEMA.NAME"),
        )
        .arg(Arg::new("yes").long("yes").short('y').action(ArgAction::SetTrue).help("Do not ask"))
        .args(flags::of_groups(&[Group::Database, Group::Logging]))
        .args(flags::of_settings(&[DATABASE_SCHEMA.spec]))
}

pub(super) fn request(matches: &ArgMatches) -> Request {
    let table = matches.get_one::<String>("table").cloned().unwrap_or_default();
    Request { table, yes: matches.get_flag("yes") }
}
