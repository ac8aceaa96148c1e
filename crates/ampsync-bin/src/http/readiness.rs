use std::time::SystemTime;

use serde::Serialize;
use sync_core::{NotReady, TableHealth};

use super::scene::Moment;
use crate::revision::of_label;
use crate::stage::{Awaited, Problem, Stage};

/// Whether every table is kept in step, and if not, why.
#[derive(Debug, Serialize)]
pub(super) struct Readiness {
    pub(super) ready: bool,
    /// How far the process as a whole has come.
    stage: &'static str,
    /// Every reason why it is not ready; none if it is.
    reasons: Vec<Reason>,
    /// What keeps another revision from taking a table's place. It is no reason: the old one is in step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocked: Vec<Blocked>,
}

/// A revision that is ready, and not in place yet.
#[derive(Debug, Serialize)]
struct Blocked {
    table: String,
    reason: String,
}

/// One reason.
#[derive(Debug, Serialize)]
struct Reason {
    /// The table, unless it is about the whole process.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// What is not as it should be.
    reason: String,
    /// The last error that has not passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Readiness {
    pub(super) fn of(moment: &Moment) -> Self {
        let reasons: Vec<Reason> = match &moment.stage {
            Stage::Starting => vec![Reason::of_process("starting", None)],
            Stage::Waiting { on: Awaited::Database, problem } => {
                vec![Reason::of_process("waiting for the database", problem.as_ref())]
            }
            Stage::Waiting { on: Awaited::Dataset, problem } => {
                vec![Reason::of_process("waiting for the dataset", problem.as_ref())]
            }
            // The engine has put nothing on its board yet.
            Stage::Running if moment.tables.is_empty() => {
                vec![Reason::of_process("starting", None)]
            }
            Stage::Running => {
                // One that is being filled is read by nobody yet.
                let tables = moment.tables.iter().filter(|(label, _)| !of_label(label).1);
                tables.filter_map(|(table, health)| Reason::of(table, health, moment.now)).collect()
            }
            Stage::Stopping => vec![Reason::of_process("stopping, as it was told to", None)],
        };
        let blocked = moment.pending.iter().filter_map(|(table, blocked)| {
            Some(Blocked { table: table.clone(), reason: blocked.clone()? })
        });
        let blocked = blocked.collect();
        Self { ready: reasons.is_empty(), stage: moment.stage.name(), reasons, blocked }
    }
}

impl Reason {
    fn of_process(reason: &str, problem: Option<&Problem>) -> Self {
        Self {
            table: None,
            reason: reason.to_owned(),
            error: problem.map(|problem| problem.message.clone()),
            remedy: problem.and_then(|problem| problem.remedy.clone()),
        }
    }

    fn of(table: &str, health: &TableHealth, now: SystemTime) -> Option<Self> {
        let not_ready = health.readiness(now).err()?;
        let error = health.current_error();
        let remedy = error.and_then(|error| error.remedy.clone());
        Some(Self {
            table: Some(table.to_owned()),
            reason: not_ready.to_string(),
            error: error.map(|error| error.message.clone()),
            remedy: remedy.or_else(|| hint(not_ready)),
        })
    }
}

/// What can be done where no error says it.
fn hint(not_ready: NotReady) -> Option<String> {
    let stalled = matches!(not_ready, NotReady::Stalled { .. });
    stalled.then(|| "look whether the server still builds the dataset, and at its log".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use sync_core::{Head, STALLED_AFTER, TableState};

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn health(state: TableState) -> TableHealth {
        let mut health = TableHealth::new(NOW);
        health.state = state;
        health
    }

    fn check(stage: Stage, tables: Vec<(&str, TableHealth)>, expected: Expect) {
        let tables: BTreeMap<_, _> =
            tables.into_iter().map(|(name, health)| (name.to_owned(), health)).collect();
        let now = NOW + STALLED_AFTER + Duration::from_secs(1);
        let moment = Moment { now, stage, tables, pending: BTreeMap::new() };
        expected.assert_eq(&serde_json::to_string_pretty(&Readiness::of(&moment)).unwrap());
    }

    #[test]
    fn it_is_ready_when_every_table_streams_or_stands_by() {
        let tables = vec![
            ("a", health(TableState::Live)),
            ("b", health(TableState::CatchingUp)),
            ("c", health(TableState::Standby)),
        ];
        check(
            Stage::Running,
            tables,
            expect![[r#"
            {
              "ready": true,
              "stage": "running",
              "reasons": []
            }"#]],
        );
    }

    #[test]
    fn it_says_what_the_whole_process_waits_for() {
        let problem = Problem {
            message: "connection refused".to_owned(),
            remedy: Some("check that it runs".to_owned()),
        };
        let waiting = Stage::Waiting { on: Awaited::Database, problem: Some(problem) };
        check(
            waiting,
            Vec::new(),
            expect![[r#"
            {
              "ready": false,
              "stage": "waiting_for_database",
              "reasons": [
                {
                  "reason": "waiting for the database",
                  "error": "connection refused",
                  "remedy": "check that it runs"
                }
              ]
            }"#]],
        );
        for stage in [Stage::Starting, Stage::Running, Stage::Stopping] {
            let moment =
                Moment { now: NOW, stage, tables: BTreeMap::new(), pending: BTreeMap::new() };
            assert!(!Readiness::of(&moment).ready, "{moment:?}");
        }
    }

    #[test]
    fn it_says_which_tables_are_not_kept_in_step_and_why() {
        let mut stalled = health(TableState::CatchingUp);
        stalled.head = Some(Head { number: 7.into(), seen: NOW });
        stalled.behind_since = Some(NOW);
        let tables = vec![
            ("a", health(TableState::Live)),
            ("b", stalled),
            ("c", health(TableState::BackingOff { attempt: 3 })),
        ];
        check(
            Stage::Running,
            tables,
            expect![[r#"
            {
              "ready": false,
              "stage": "running",
              "reasons": [
                {
                  "table": "b",
                  "reason": "stalled: behind, and no progress for 301 s",
                  "remedy": "look whether the server still builds the dataset, and at its log"
                },
                {
                  "table": "c",
                  "reason": "trying again after 3 failed attempts"
                }
              ]
            }"#]],
        );
    }
}
