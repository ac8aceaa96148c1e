//! What is shown while the demo runs: a line for each table, redrawn where that is possible.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};

use crate::stage::TableState;

/// The screen.
#[derive(Debug)]
pub(super) struct Watch {
    terminal: bool,
    /// How many lines the cursor is below the first of the tables'.
    drawn: usize,
    tables: Vec<String>,
}

impl Watch {
    pub(super) fn new(tables: Vec<String>) -> Self {
        Self { terminal: stdout().is_terminal(), drawn: 0, tables }
    }

    /// Says what happens, above the tables.
    pub(super) fn say(&mut self, what: &str) {
        self.erase();
        println!("{what}");
    }

    /// Shows how far the tables are; without a terminal only when it is asked to `insist`.
    pub(super) fn show(
        &mut self,
        states: &BTreeMap<String, TableState>,
        head: Option<&(i64, String)>,
        running: bool,
        insist: bool,
    ) {
        if !self.terminal && !insist {
            return;
        }
        self.erase();
        let none = TableState::default();
        for table in &self.tables {
            let state = states.get(table).unwrap_or(&none);
            let block =
                state.cursor.as_ref().map_or("-".to_owned(), |(block, _)| block.to_string());
            let doing = match (running, state.cursor.as_ref() == head) {
                (false, _) => "not running",
                (true, true) => "at the head",
                (true, false) => "catching up",
            };
            let TableState { rows, reorgs, .. } = state;
            println!("  {table:<14}block {block:>7} {rows:>9} rows {reorgs:>4} reorgs  {doing}");
        }
        self.drawn = self.tables.len();
    }

    /// Leaves the tables on the screen.
    pub(super) fn end(&mut self) {
        self.drawn = 0;
    }

    /// Moves back to the first of the tables' lines and clears the screen below.
    fn erase(&mut self) {
        if self.terminal && self.drawn > 0 {
            print!("\x1b[{}A\x1b[J", self.drawn);
        }
        self.drawn = 0;
    }
}
