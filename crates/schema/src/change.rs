use std::fmt;

/// A statement that changes a database, and the one that undoes it. Neither ends with a
/// semicolon. [`Display`](fmt::Display) writes the first with one.
///
/// What a statement destroys, the other cannot bring back: a column that was dropped comes back
/// empty, without its indexes, and a default or an identity that was dropped does not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The statement.
    pub up: String,
    /// The statement that undoes it, when all later changes are undone already.
    pub down: String,
}

impl Change {
    pub(crate) fn new(up: String, down: String) -> Self {
        Self { up, down }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};", self.up)
    }
}
