//! What a person at a terminal sees, on a real pseudo-terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use nozzle_sim::{Fault, SimServer, Table};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::pipe::{Database, simulate, start_with};
use crate::process::ampsync;

/// Longer than anything waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with a terminal for its stderr. Dropping it kills it.
pub(crate) struct AtTerminal {
    child: Child,
    keyboard: File,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl AtTerminal {
    fn start(environment: &[(&str, &str)]) -> Self {
        let (ours, theirs) = terminal();
        Self::of(ampsync(environment).stderr(Stdio::from(theirs)), ours)
    }

    /// The same with the terminal for its stdin too.
    pub(crate) fn asked(command: &mut Command) -> Self {
        let (ours, theirs) = terminal();
        let stdin = theirs.try_clone().unwrap();
        Self::of(command.stdin(Stdio::from(stdin)).stderr(Stdio::from(theirs)), ours)
    }

    fn of(command: &mut Command, ours: OwnedFd) -> Self {
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        // Our copies of its end of the terminal.
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let mut ours = File::from(ours);
        let keyboard = ours.try_clone().unwrap();
        let (sender, output) = sync_channel(10_000);
        // Ends with the process, whose end of the terminal is the only one.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length) = ours.read(&mut bytes) {
                if length == 0 || sender.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, output, seen: String::new() }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    /// Waits until it ends by itself, and returns how.
    pub(crate) fn exits(mut self) -> (Option<i32>, String) {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.seen))
    }

    /// Waits until what was written since the last time has `text` in it, and returns that.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("no {text:?} ({error}) in:\n{:?}", self.seen),
            }
        }
    }

    /// Stops it, and returns what it wrote until its end.
    fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{:?}", self.seen);
        std::mem::take(&mut self.seen)
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Both ends of a terminal of 120 columns.
fn terminal() -> (OwnedFd, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let theirs = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&theirs, size).unwrap();
    (ours, theirs)
}

/// A server whose stream of `logs` says nothing: the table stays behind until it is opened anew.
async fn half_silent() -> SimServer {
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.inject_for("logs", Fault::Silence);
    sim.mine(500);
    sim
}

fn environment<'a>(sim: &'a [String; 2], url: &'a str) -> Vec<(&'a str, &'a str)> {
    let [endpoint, dataset] = sim;
    vec![
        ("NOZZLE_ENDPOINT", endpoint),
        ("DATASET", dataset),
        ("TABLES", "blocks,logs"),
        ("DATABASE_URL", url),
        ("HEAD_PROBE", "1"),
        ("NO_COLOR", "1"),
        ("TERM", "xterm"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catch_up_has_bars_below_the_log_until_all_tables_are_at_the_head() {
    let sim = half_silent().await;
    let database = Database::create().await;
    let (server, url) = ([sim.endpoint(), sim.config().dataset_ref()], database.url());
    let mut ampsync = AtTerminal::start(&environment(&server, &url));
    ampsync.wait_for("logs   [");
    let drawn = ampsync.wait_for("0 of 499");
    assert!(drawn.contains("] live  "), "{drawn:?}");
    // The stream is opened anew, and brings everything.
    sim.drop_connections();
    database.equals(&sim).await;
    let deadline = Instant::now() + PATIENCE;
    // Once all are at the head the bars go: what is logged then has none below it.
    loop {
        sim.reorg(1);
        database.equals(&sim).await;
        if !ampsync.wait_for("reorg: replaced").contains("logs   [") {
            break;
        }
        assert!(Instant::now() < deadline, "the bars never go");
    }
    assert!(ampsync.end().contains("stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_and_colours_can_be_had_without() {
    let sim = half_silent().await;
    let database = Database::create().await;
    let (server, url) = ([sim.endpoint(), sim.config().dataset_ref()], database.url());
    let mut environment = environment(&server, &url);
    let log = ("RUST_LOG", "info,ampsync=debug");
    environment.extend([("PROGRESS", "off"), log]);
    let mut ampsync = AtTerminal::start(&environment);
    let before = ampsync.wait_for("the head of the chain");
    let second = ampsync.wait_for("the head of the chain");
    let after = ampsync.end();
    let all = [before, second, after].concat();
    assert!(!all.contains('\u{1b}') && !all.contains("logs   ["), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_no_terminal_has_neither_bars_nor_colours() {
    for format in ["text", "json"] {
        let (sim, database) = (half_silent().await, Database::create().await);
        let log = [("RUST_LOG", "info,ampsync=debug"), ("LOG_FORMAT", format), ("HEAD_PROBE", "1")];
        let mut ampsync = start_with(&sim, &database.url(), &log);
        ampsync.wait_for("the head of the chain");
        ampsync.wait_for("the head of the chain");
        ampsync.signal(Signal::TERM);
        let (status, text) = ampsync.end();
        assert_eq!(status.code(), Some(0), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("logs   ["), "{text}");
    }
}
