//! Log lines: to stderr, since stdout is for what a verb prints.

use tracing_subscriber::EnvFilter;

use crate::console::Console;

/// How lines are written, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) progress: Progress,
    /// Whether a terminal may get colours.
    pub(crate) color: bool,
    /// In the syntax of `RUST_LOG`, checked.
    pub(crate) filter: String,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

/// Whether a catch-up shows progress bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Where somebody sees them: on a terminal.
    Auto,
    /// Never.
    Off,
}

/// Starts logging to the console, once for the process.
pub(crate) fn start(settings: &LogSettings, console: &Console) {
    let filter = EnvFilter::new(&settings.filter);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(console.clone());
    match settings.format {
        LogFormat::Text => {
            let ansi = console.is_terminal() && settings.color;
            builder.with_ansi(ansi).with_target(false).init();
        }
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
