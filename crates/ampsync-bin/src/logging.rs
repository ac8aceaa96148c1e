//! Log lines: to stderr, since stdout is for what a verb prints.

use std::io;

use tracing_subscriber::EnvFilter;

/// How lines are written, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
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

/// Starts logging, once for the process.
pub(crate) fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(&settings.filter);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.format {
        LogFormat::Text => {
            let ansi = io::IsTerminal::is_terminal(&io::stderr());
            builder.with_ansi(ansi).with_target(false).init();
        }
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
