use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{BrowserError, PATIENCE};

/// The DevTools protocol over a pair of pipes: JSON, with a NUL after each message. When they
/// close, the browser ends.
#[derive(Debug)]
pub(super) struct Wire {
    browser: Child,
    /// Present until drop.
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    last_id: u64,
    events: Vec<Value>,
    /// The browser's profile, which is gone after it.
    _profile: TempDir,
}

/// Chromium speaks on the file descriptors 3 and 4; the shell moves its own there.
const START: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2";

/// A container has neither the rights for a sandbox nor much shared memory, and there is nobody to
/// ask or to tell anything.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--hide-scrollbars",
    "--window-size=1280,720",
];

impl Wire {
    pub(super) fn start(program: &Path) -> Result<Self, BrowserError> {
        let profile = TempDir::with_prefix("ampsync-browser-")?;
        let mut browser = Command::new("/bin/sh")
            .args(["-c", START])
            .arg(program)
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (to, stdout) = (browser.stdin.take(), browser.stdout.take());
        let (sender, from) = sync_channel(10_000);
        // Ends with the pipe, that is with the browser.
        thread::spawn(move || {
            let messages = stdout.into_iter().flat_map(|out| BufReader::new(out).split(0));
            let messages = messages.map_while(Result::ok);
            let mut values = messages.filter_map(|bytes| serde_json::from_slice(&bytes).ok());
            values.try_for_each(|value: Value| sender.send(value))
        });
        Ok(Self { browser, to, from, last_id: 0, events: Vec::new(), _profile: profile })
    }

    /// Tells the browser, or the page of a session, something, and waits for the answer.
    pub(super) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: &Value,
    ) -> Result<Value, BrowserError> {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        if let Some(to) = &mut self.to {
            to.write_all(format!("{message}\0").as_bytes())?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let silent = |_| BrowserError::Silent(method.to_owned());
            let mut answer = self.from.recv_timeout(left).map_err(silent)?;
            if answer["id"] != self.last_id {
                self.events.push(answer);
            } else if let Some(error) = answer.get("error") {
                let (method, answer) = (method.to_owned(), error.clone());
                return Err(BrowserError::Refused { method, answer });
            } else {
                return Ok(answer["result"].take());
            }
        }
    }

    /// What the browser has said without being asked.
    pub(super) fn events(&self) -> &[Value] {
        &self.events
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Ends its processes, and gives back its profile; if it does not listen, it is made to.
        drop(self.to.take());
        let deadline = Instant::now() + std::time::Duration::from_secs(5);
        while matches!(self.browser.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(super::LOOK_EVERY);
        }
        self.browser.kill().ok();
        self.browser.wait().ok();
    }
}
