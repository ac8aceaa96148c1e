//! What must not happen whatever is tried: secrets seen, foreign text executed, rights exceeded.

mod hostile;
pub(crate) mod privileges;
mod secrets;

use std::fs;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The binary while it runs, with everything it prints. Dropping it kills it.
pub(crate) struct Captured {
    child: Child,
    text: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// As the other users of the machine see it.
    pub(crate) command_line: String,
}

/// How the binary ended, and what it printed anywhere.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Captured {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let text = Arc::new(Mutex::new(String::new()));
        let pipes: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let readers = pipes.map(|mut pipe| {
            let text = Arc::clone(&text);
            // Ends with the pipe, that is with the process.
            thread::spawn(move || {
                let mut chunk = [0; 4096];
                while let Ok(read @ 1..) = pipe.read(&mut chunk) {
                    text.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
                }
            })
        });
        // A process that has ended already has none.
        let line = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&line).replace('\0', " ");
        Self { child, text, readers: readers.into(), command_line }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the binary has printed one of `texts`, or has ended.
    pub(crate) fn wait_for(&mut self, texts: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() && !texts.iter().any(|text| self.text().contains(text)) {
            assert!(Instant::now() < deadline, "none of {texts:?} in:\n{}", self.text());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits for the end, which has to come by itself.
    pub(crate) fn end(mut self) -> End {
        self.wait_for(&[]);
        self.stop()
    }

    /// Tells it to stop, if it has not ended, and waits for the end.
    pub(crate) fn stop(mut self) -> End {
        if !self.has_ended() {
            // It may have ended just now.
            kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "it did not end:\n{}", self.text());
            thread::sleep(LOOK_EVERY);
        }
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let code = self.child.wait().unwrap().code();
        End { code, text: self.text() }
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
