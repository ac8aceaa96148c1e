//! A bar a table, for as long as one of them is on its way to the head.

use std::collections::BTreeMap;
use std::time::SystemTime;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use sync_core::TableHealth;
use sync_core::chain::BlockNum;

use super::text::Span;
use super::{is_on_its_way, name};

/// The longest name that is shown whole.
const NAME_MAX: usize = 32;

/// The bars below the log.
pub(super) struct Bars {
    all: MultiProgress,
    tables: BTreeMap<String, ProgressBar>,
}

impl Bars {
    pub(super) fn new(all: &MultiProgress) -> Self {
        Self { all: all.clone(), tables: BTreeMap::new() }
    }

    /// Draws how far the tables are, or nothing when all are there.
    pub(super) fn look(&mut self, board: &BTreeMap<String, TableHealth>, now: SystemTime) {
        if !board.values().any(|health| is_on_its_way(health, now)) {
            return self.clear();
        }
        let width = board.keys().map(String::len).max().unwrap_or_default().min(NAME_MAX);
        for (table, health) in board {
            let all = &self.all;
            let bar = self.tables.entry(table.clone()).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(0).with_style(style()));
                bar.with_prefix(format!("{table:width$.NAME_MAX$}"))
            });
            bar.set_length(health.head.map_or(0, |head| head.number.get()));
            bar.set_position(health.reached().map_or(0, BlockNum::get));
            bar.set_message(message(health, now));
        }
    }

    fn clear(&mut self) {
        for (_, bar) in std::mem::take(&mut self.tables) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

fn style() -> ProgressStyle {
    // The template is right, which a test knows; a wrong one would cost the bar's looks.
    ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

const TEMPLATE: &str = "{prefix} [{bar:24}] {wide_msg}";

/// What stands behind a bar: `catching up  1,200 of 5,000  830 rows/s  2m 5s left`.
fn message(health: &TableHealth, now: SystemTime) -> String {
    let mut parts = vec![name(health.state).to_owned()];
    let reached = health.reached().map_or(0, BlockNum::get);
    if let Some(head) = health.head {
        parts.push(format!("{} of {}", HumanCount(reached), HumanCount(head.number.get())));
    }
    if health.lag_blocks() != Some(0) {
        parts.push(format!("{:.0} rows/s", health.rows_per_second(now)));
        parts.extend(health.eta(now).map(|left| format!("{} left", Span(left))));
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use indicatif::{InMemoryTerm, ProgressDrawTarget};
    use sync_core::{Head, TableState};

    use super::*;

    fn table(reached: u32, head: u32, state: TableState) -> TableHealth {
        let mut health = TableHealth::new(SystemTime::UNIX_EPOCH);
        health.state = state;
        health.provisional = Some(reached.into());
        health.head = Some(Head { number: head.into(), seen: SystemTime::UNIX_EPOCH });
        health.behind_since = (head > reached).then_some(SystemTime::UNIX_EPOCH);
        health
    }

    #[test]
    fn every_table_has_a_bar_until_all_are_at_the_head() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
        let terminal = InMemoryTerm::new(10, 80);
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(
            terminal.clone(),
        )));
        let mut bars = Bars::new(&all);
        let mut board = BTreeMap::from([
            ("blocks".to_owned(), table(5_000, 5_000, TableState::Live)),
            ("logs".to_owned(), table(1_250, 5_000, TableState::CatchingUp)),
        ]);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2);
        bars.look(&board, now);
        let shown = terminal.contents();
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "blocks [========================] live  5,000 of 5,000",
                "logs   [======>                 ] catching up  1,250 of 5,000  0 rows/s",
            ]
        );
        board.insert("logs".to_owned(), table(5_000, 5_000, TableState::Live));
        bars.look(&board, now);
        assert_eq!(terminal.contents(), "");
    }

    #[test]
    fn a_block_that_was_just_made_shows_no_bar() {
        let health = table(9, 10, TableState::Live);
        let after = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert!(!is_on_its_way(&health, after(900)));
        assert!(is_on_its_way(&health, after(1_100)));
        assert!(!is_on_its_way(&table(9, 10, TableState::Standby), after(1_100)));
    }
}
