use clap::Command;

use super::{flags, help};

pub(super) fn command() -> Command {
    Command::new("sync")
        .about("Keep the tables in step until told to stop (the default)")
        .after_help(help::SYNC)
        .after_long_help(format!("{}\n\n{}", help::SYNC, help::OPTIONS_FILE))
        .args(flags::all())
}
