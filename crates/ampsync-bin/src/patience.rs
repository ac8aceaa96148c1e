use std::time::Duration;

use tokio::time::{Instant, sleep};

const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
const REPEAT_MIN: Duration = Duration::from_secs(1);
const REPEAT_MAX: Duration = Duration::from_secs(60);

/// Waiting for something that is not there yet, for ever: how long until the next look, and
/// whether the log should say again what is waited for. Both become longer.
pub(crate) struct Patience {
    delay: Duration,
    repeat: Duration,
    told: Option<Instant>,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { delay: RETRY_MIN, repeat: REPEAT_MIN, told: None }
    }

    /// Whether it is time to tell; it then counts as told.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.told.is_none_or(|told| told.elapsed() >= self.repeat);
        if is_due {
            if self.told.is_some() {
                self.repeat = (self.repeat * 2).min(REPEAT_MAX);
            }
            self.told = Some(Instant::now());
        }
        is_due
    }

    /// Whether anything was told.
    pub(crate) fn was_told(&self) -> bool {
        self.told.is_some()
    }

    /// Waits until the next look.
    pub(crate) async fn wait(&mut self) {
        sleep(self.delay).await;
        self.delay = (self.delay * 2).min(RETRY_MAX);
    }
}
