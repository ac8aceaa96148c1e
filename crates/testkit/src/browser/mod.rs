//! A headless Chromium: it shows a page as a person's browser does, runs its script, and says what
//! is to be seen.

mod install;
mod wire;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use install::{BrowserMissing, install_if_missing};
use wire::Wire;

/// Longer than anything a page does takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One page of a browser of its own. Dropping it ends the browser, and so does the end of the
/// process, however it comes.
///
/// Its methods wait for the browser, and block the thread for that.
#[derive(Debug)]
pub struct Browser {
    wire: Wire,
    session: String,
}

/// Why a browser could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// There is none.
    #[error(transparent)]
    Missing(#[from] BrowserMissing),
    /// It could not be started or spoken to.
    #[error("the browser cannot be spoken to")]
    Io(#[from] std::io::Error),
    /// It has ended, or did not answer in time.
    #[error("the browser does not answer to {0}")]
    Silent(String),
    /// It refused what it was told.
    #[error("{method}: {answer}")]
    Refused {
        /// What it was told.
        method: String,
        /// What it says.
        answer: Value,
    },
}

impl Browser {
    /// Starts a browser with one empty page.
    ///
    /// # Errors
    /// When there is no browser, or it does not start.
    pub fn start() -> Result<Self, BrowserError> {
        let mut wire = Wire::start(&install_if_missing()?)?;
        let target = wire.call(None, "Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = wire.call(None, "Target.attachToTarget", &attach)?;
        let session = session["sessionId"].as_str().unwrap_or_default().to_owned();
        let mut browser = Self { wire, session };
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Shows the page at `url`.
    ///
    /// # Errors
    /// When it cannot be shown.
    pub fn open(&mut self, url: &str) -> Result<(), BrowserError> {
        let answer = self.call("Page.navigate", &json!({"url": url}))?;
        match answer.get("errorText") {
            Some(text) => {
                Err(BrowserError::Refused { method: format!("open {url}"), answer: text.clone() })
            }
            None => Ok(()),
        }
    }

    /// What a JavaScript expression is, evaluated in the page.
    ///
    /// # Errors
    /// When it throws, or the browser does not answer.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value, BrowserError> {
        let what = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", &what)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(BrowserError::Refused {
                method: expression.to_owned(),
                answer: details.clone(),
            }),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until a JavaScript expression is true. One that throws is not, as when the page is
    /// still empty.
    ///
    /// # Errors
    /// When it does not become true in time: the error has the text that is to be seen instead.
    pub fn wait_until(&mut self, expression: &str) -> Result<(), BrowserError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let guarded =
                format!("try {{ return Boolean({expression}) }} catch {{ return false }}");
            if self.evaluate(&format!("(() => {{ {guarded} }})()"))? == Value::Bool(true) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let answer = self.evaluate("document.body.innerText")?;
                let method = format!("wait until {expression}");
                return Err(BrowserError::Refused { method, answer });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What the browser has complained of since the page was opened: errors of scripts, and what
    /// the page's policy forbade. Answers that did not come are left out.
    #[must_use]
    pub fn complaints(&self) -> Vec<Value> {
        let complaint = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Page.javascriptDialogOpening") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["source"] != "network",
            Some(_) | None => false,
        };
        self.wire.events().iter().filter(complaint).cloned().collect()
    }

    /// Tells the browser something of the DevTools protocol.
    ///
    /// # Errors
    /// When it refuses, or does not answer.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Result<Value, BrowserError> {
        self.wire.call(Some(&self.session), method, parameters)
    }
}
