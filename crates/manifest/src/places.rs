//! Where the parts of an evaluated document are in the source that made it.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Position};

/// The places of properties by their path, such as `tables.logs.sql`; the document as a whole has
/// the empty path. What is computed rather than written has no place of its own.
pub(crate) struct Places {
    source: String,
    offsets: BTreeMap<String, usize>,
}

impl Places {
    /// `offsets` are bytes of `source`.
    pub(crate) fn new(source: String, offsets: BTreeMap<String, usize>) -> Self {
        Self { source, offsets }
    }

    /// The problem at the place of `path`, or of the innermost part around it that has one.
    pub(crate) fn place(&self, problem: Diagnostic, path: &str) -> Diagnostic {
        let around = |known: &str| {
            path.strip_prefix(known).is_some_and(|rest| {
                known.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
            })
        };
        let innermost = self
            .offsets
            .iter()
            .filter(|(known, _)| around(known))
            .max_by_key(|(known, _)| known.len());
        match innermost {
            Some((_, offset)) => {
                problem.at(&self.source, Position::of(&self.source, *offset), path)
            }
            None => problem.at_path(path),
        }
    }
}

/// The path of what `key` names inside of what `parent` names.
pub(crate) fn child_path(parent: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_$-".contains(c);
    if key.is_empty() || !key.chars().all(plain) {
        format!("{parent}[{key:?}]")
    } else if parent.is_empty() {
        key.to_owned()
    } else {
        format!("{parent}.{key}")
    }
}
