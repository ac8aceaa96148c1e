use clap::{Arg, ArgAction, ArgMatches, Command};
use sink_postgres::ResetRows;

use super::{flags, help};
use crate::reset::Request;
use crate::settings::{DATABASE_SCHEMA, Group};

pub(super) fn command() -> Command {
    const HEADING: &str = "What becomes of the rows";
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("reset")
        .about("Empty tables and forget how far they are: the next start begins anew")
        .after_help(help::RESET)
        .arg(
            Arg::new("table")
                .value_name("TABLE")
                .num_args(1..)
                .required(true)
                .help("The tables: NAME in DATABASE_SCHEMA, or SCHEMA.NAME"),
        )
        .arg(
            switch("drop", "Drop the tables, so that they are created as the stream then is")
                .help_heading(HEADING)
                .conflicts_with("keep-rows"),
        )
        .arg(
            switch("keep-rows", "Only forget how far they are: rename such a table before a start")
                .help_heading(HEADING),
        )
        .arg(switch("yes", "Do not ask").short('y'))
        .args(flags::of_groups(&[Group::Database, Group::Logging]))
        .args(flags::of_settings(&[DATABASE_SCHEMA.spec]))
}

pub(super) fn request(matches: &ArgMatches) -> Request {
    let tables = matches.get_many::<String>("table").unwrap_or_default().cloned().collect();
    let rows = if matches.get_flag("drop") {
        ResetRows::DropTable
    } else if matches.get_flag("keep-rows") {
        ResetRows::Keep
    } else {
        ResetRows::Delete
    };
    Request { tables, rows, yes: matches.get_flag("yes") }
}
