use std::ffi::OsString;

use ampsync_schema::migration::Layout;
use clap::builder::{PossibleValuesParser, TypedValueParser as _, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{flags, help};
use crate::schema::{Out, Request};
use crate::settings::Group;

pub(super) fn command() -> Command {
    const HEADING: &str = "What is printed or written";
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).help_heading(HEADING)
    };
    let layouts = PossibleValuesParser::new(["sqlx", "refinery", "plain"])
        .map(|layout| layout.parse::<Layout>().unwrap_or(Layout::Sqlx));
    Command::new("schema")
        .about("Print the SQL that creates the tables, or write it as a migration")
        .after_help(help::SCHEMA)
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
        .args(flags::of_groups(&[Group::Dataset, Group::Database, Group::Tables, Group::Logging]))
}

pub(super) fn request(matches: &ArgMatches) -> Request {
    let out = matches.get_one::<OsString>("out").map(|folder| Out {
        folder: folder.into(),
        layout: matches.get_one::<Layout>("layout").copied().unwrap_or(Layout::Sqlx),
        name: matches.get_one::<String>("name").cloned(),
    });
    Request { diff: matches.get_flag("diff"), ask_server: matches.get_flag("ask-server"), out }
}
