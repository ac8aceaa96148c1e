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
    /// The index that the statement adds to a table that is there.
    pub adds: Option<AddedIndex>,
}

/// An index that is added to a table: what has to be true of the rows that are there, and of who
/// adds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddedIndex {
    /// Its columns, in its order.
    pub columns: Vec<String>,
    /// Whether no two rows may have the same values in them.
    pub unique: bool,
    /// Whether it is that of the primary key, so that every row needs a value in each.
    pub primary: bool,
}

impl Change {
    pub(crate) fn new(up: String, down: String) -> Self {
        Self { up, down, adds: None }
    }

    pub(crate) fn adding(self, columns: &[String], unique: bool, primary: bool) -> Self {
        Self { adds: Some(AddedIndex { columns: columns.to_vec(), unique, primary }), ..self }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};", self.up)
    }
}
