use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{flags, help};
use crate::settings::{DATABASE_SCHEMA, Group};
use crate::status::Request;

pub(super) fn command() -> Command {
    const HEADING: &str = "What is printed";
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).help_heading(HEADING)
    };
    Command::new("status")
        .about("How far the tables are, by the database alone")
        .after_help(help::STATUS)
        .arg(
            Arg::new("table")
                .value_name("TABLE")
                .num_args(0..)
                .help("Only these tables: NAME in DATABASE_SCHEMA, or SCHEMA.NAME"),
        )
        .arg(switch("long", "Everything there is to tell, not a line a table"))
        .arg(switch("json", "The same as JSON, for machines").conflicts_with("long"))
        .args(flags::of_groups(&[Group::Database, Group::Logging]))
        .args(flags::of_settings(&[DATABASE_SCHEMA.spec]))
}

pub(super) fn request(matches: &ArgMatches) -> Request {
    let tables = matches.get_many::<String>("table").unwrap_or_default().cloned().collect();
    Request { tables, long: matches.get_flag("long"), json: matches.get_flag("json") }
}
