use std::path::PathBuf;

use clap::Args;

/// What kind of chaos.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Options {
    /// For how long faults strike.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// What the schedule follows from: a seed that fails fails again.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Until faults have struck so often, however long it takes.
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub(crate) strikes: Option<u64>,
    /// Every fault once, each alone and after the one before it has healed.
    #[arg(long, conflicts_with_all = ["seconds", "strikes"])]
    pub(crate) each: bool,
    /// Only this fault, over and over; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) fault: Vec<String>,
    /// Also the faults from which it takes a minute or more to heal.
    #[arg(long)]
    pub(crate) slow: bool,
    /// List the faults and end.
    #[arg(long)]
    pub(crate) list: bool,
    /// This ampsync, instead of building one.
    #[arg(long, value_name = "PATH")]
    pub(crate) program: Option<PathBuf>,
    /// Build ampsync with optimisations.
    #[arg(long)]
    pub(crate) release: bool,
}

impl Options {
    /// The arguments that make the same run.
    pub(crate) fn arguments(&self) -> String {
        let length = match self.strikes {
            _ if self.each => "--each".to_owned(),
            Some(strikes) => format!("--strikes {strikes}"),
            None => format!("--seconds {}", self.seconds),
        };
        let mut line = format!("{length} --seed {}", self.seed);
        for fault in &self.fault {
            line.push_str(" --fault ");
            line.push_str(fault);
        }
        for (given, flag) in [(self.slow, " --slow"), (self.release, " --release")] {
            line.push_str(if given { flag } else { "" });
        }
        line
    }
}
