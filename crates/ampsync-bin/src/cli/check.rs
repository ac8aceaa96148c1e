use clap::Command;

use super::{flags, help};

pub(super) fn command() -> Command {
    Command::new("check")
        .about("Try everything out once, and change nothing")
        .after_help(help::CHECK)
        .args(flags::all())
}
