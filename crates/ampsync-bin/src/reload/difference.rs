//! What has to happen so that other tables run than now.

use std::collections::BTreeMap;

use crate::plan::PlannedTable;

/// The tables by what becomes of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) added: Vec<PlannedTable>,
    pub(super) removed: Vec<String>,
    pub(super) changed: Vec<PlannedTable>,
}

/// What is done about a table that is in the old plan and in the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It goes on as it is.
    Keep,
    /// It stops, and starts as planned now. Should its stored rows not be those of the new plan,
    /// they are served until the new ones are there: see `revise.rs`.
    Restart,
}

/// The one place where that is decided.
pub(super) fn decide(old: &PlannedTable, new: &PlannedTable) -> Decision {
    // What a manifest declares of the columns is only compared with the stream, and told.
    let declared = new.declared.clone();
    let old = PlannedTable { declared, ..old.clone() };
    if old == *new { Decision::Keep } else { Decision::Restart }
}

impl Difference {
    pub(super) fn between(
        running: &BTreeMap<String, PlannedTable>,
        planned: Vec<PlannedTable>,
    ) -> Self {
        let is_gone = |table: &&String| !planned.iter().any(|planned| planned.table == **table);
        let removed = running.keys().filter(is_gone).cloned().collect();
        let mut difference = Self { removed, ..Self::default() };
        for planned in planned {
            match running.get(&planned.table).map(|old| decide(old, &planned)) {
                None => difference.added.push(planned),
                Some(Decision::Restart) => difference.changed.push(planned),
                Some(Decision::Keep) => {}
            }
        }
        difference
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What is to be started.
    pub(super) fn starting(&self) -> impl Iterator<Item = &PlannedTable> {
        self.added.iter().chain(&self.changed)
    }
}
