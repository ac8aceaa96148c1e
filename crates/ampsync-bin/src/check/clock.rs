//! How long a check may take: each question for itself, and all of them together.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// How long each question may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// The time that is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    whole: Duration,
    end: Instant,
}

impl Clock {
    /// Starts a check that may take as long as this.
    pub(super) fn start(whole: Duration) -> Self {
        Self { whole, end: Instant::now() + whole }
    }

    /// Whether nothing more can be asked.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// The problem that this is, where something was left to ask.
    pub(super) fn over(&self) -> Problem {
        Problem::over(self.whole)
    }

    /// Waits for an answer about `subject`, but not for ever, and asks nothing once all time is
    /// over.
    pub(super) async fn ask<F: Future>(
        &self,
        subject: &str,
        question: F,
    ) -> Result<F::Output, Problem> {
        self.ask_within(ANSWER_MAX, subject, question).await
    }

    /// The same for what may take less or more than other questions.
    pub(super) async fn ask_within<F: Future>(
        &self,
        limit: Duration,
        subject: &str,
        question: F,
    ) -> Result<F::Output, Problem> {
        if self.is_over() {
            return Err(self.over());
        }
        let is_shorter = limit < self.end.saturating_duration_since(Instant::now());
        let end = if is_shorter { Instant::now() + limit } else { self.end };
        timeout_at(end, question)
            .await
            .map_err(|_| if is_shorter { Problem::late(subject, limit) } else { self.over() })
    }
}
