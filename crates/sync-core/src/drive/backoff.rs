use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::RetryConfig;

/// Waits between attempts: doubling, with jitter, for ever, and interrupted by a shutdown.
#[derive(Debug)]
pub(crate) struct Backoff {
    config: RetryConfig,
    attempt: u32,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Elapsed,
    Cancelled,
}

impl Backoff {
    pub(crate) fn new(config: RetryConfig) -> Self {
        Self { config, attempt: 0 }
    }

    /// How many attempts have failed since the last success.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Begins again: something was achieved.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Counts a failure and waits.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) -> Waited {
        let delay = self.next_delay();
        pause(delay, shutdown).await
    }

    fn next_delay(&mut self) -> Duration {
        let doubled = self.config.delay_min.saturating_mul(1 << self.attempt.min(20));
        self.attempt = self.attempt.saturating_add(1);
        // Between half and all of it, so that tables that failed together do not return together.
        doubled.min(self.config.delay_max).mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// Waits for `delay`, or for a shutdown.
pub(crate) async fn pause(delay: Duration, shutdown: &CancellationToken) -> Waited {
    tokio::select! {
        () = shutdown.cancelled() => Waited::Cancelled,
        () = sleep(delay) => Waited::Elapsed,
    }
}

/// Decides when something that goes on and on is worth another log line: at once, then after one
/// second, two, four, up to every minute.
#[derive(Debug, Default)]
pub(crate) struct LogPace {
    last: Option<Instant>,
    interval: Duration,
}

impl LogPace {
    const INTERVAL_MAX: Duration = Duration::from_secs(60);

    /// Whether to log now.
    pub(crate) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < self.interval) {
            return false;
        }
        self.last = Some(now);
        self.interval = (self.interval * 2).clamp(Duration::from_secs(1), Self::INTERVAL_MAX);
        true
    }

    /// Begins again: whatever it was is over.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_shortest_to_the_longest() {
        let mut backoff = Backoff::new(RetryConfig::default());
        let delays: Vec<_> = (0..2_000).map(|_| backoff.next_delay()).collect();
        for (index, delay) in delays.iter().enumerate() {
            let most = Duration::from_millis((50 << index.min(7)).min(5_000));
            assert!(*delay <= most && *delay >= most / 2, "wait {index} took {delay:?}");
        }
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(50));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_interrupts_a_wait() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let mut backoff = Backoff::new(RetryConfig::default());
        assert_eq!(backoff.wait(&shutdown).await, Waited::Cancelled);
        assert_eq!(backoff.wait(&CancellationToken::new()).await, Waited::Elapsed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_logged_ever_more_rarely() {
        let mut pace = LogPace::default();
        let mut logged = Vec::new();
        for second in 0..300 {
            if pace.is_due() {
                logged.push(second);
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(logged, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
    }
}
