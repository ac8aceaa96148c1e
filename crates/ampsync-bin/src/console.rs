//! What is on stderr: the lines of the log and, on a terminal, progress bars below them.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::fmt::MakeWriter;

use crate::logging::{LogFormat, LogSettings, Progress};

/// How often bars are drawn, at most.
const DRAWS_PER_SECOND: u8 = 4;

/// Stderr. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    is_terminal: bool,
    bars: Option<MultiProgress>,
}

impl Console {
    /// Stderr, with room for bars where it is a terminal and the log is for people.
    pub(crate) fn new(settings: &LogSettings) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let wanted = settings.progress == Progress::Auto && settings.format == LogFormat::Text;
        let bars = (is_terminal && wanted).then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
            MultiProgress::with_draw_target(target)
        });
        Self { is_terminal, bars }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Where bars are drawn, if they are.
    pub(crate) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }
}

impl<'a> MakeWriter<'a> for Console {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl Write for &Console {
    /// Writes above the bars, which make room for it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &self.bars {
            // All of it: what is written in parts would have bars in between.
            Some(bars) => bars.suspend(|| io::stderr().write_all(line)).map(|()| line.len()),
            None => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
