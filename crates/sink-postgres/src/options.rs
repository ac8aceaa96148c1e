//! What a user asks of a table and of its values.

use ampsync_schema::{Ident, TableOptions};

/// What a user asks of a table and of its values. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkOptions {
    /// The table's name, unless it is the stream's.
    pub name: Option<Ident>,
    /// Its columns, keys and indexes.
    pub table: TableOptions,
    /// What becomes of values that PostgreSQL cannot hold.
    pub values: ValuePolicy,
    /// The channel on which each commit is announced with `NOTIFY`, inside its transaction. The
    /// payload is a JSON object: `table` and `schema`; `from` and `block`, the first and the last
    /// block whose rows may have changed; `reorg`, whether earlier rows of them were replaced;
    /// `provisional`, whether the last of them are ahead of a completed range, so that they are
    /// written again should the process be restarted; `rows`, how many were added.
    ///
    /// It is not quoted or folded: `LISTEN` needs quotes for a name with upper case.
    pub notify: Option<Ident>,
    /// Whether the table has to be one that [`begin_next`](crate::Database::begin_next) has begun:
    /// without its checkpoint it is not begun here, because it may have taken another one's place.
    pub begun: bool,
    /// Whether a table that is there is taken [as it is](ampsync_schema::Table::as_stored), whatever
    /// else is asked of it: rows are written into the columns that it has, and nothing is added.
    /// Once it turns out to be another table under the same name, it is
    /// [`Superseded`](crate::Error::Superseded).
    pub as_stored: bool,
}

/// What becomes of values that PostgreSQL cannot hold. By default they stop the table with an
/// error that names the table, the column, the block and the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValuePolicy {
    /// NUL characters in texts.
    pub nul: NulPolicy,
    /// Numbers and times beyond the range of their column's type.
    pub out_of_range: RangePolicy,
}

/// What becomes of NUL characters in texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NulPolicy {
    /// They are an error.
    #[default]
    Error,
    /// They are left out, counted, and told of once.
    Strip,
}

/// What becomes of values beyond the range of their column's type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RangePolicy {
    /// They are an error.
    #[default]
    Error,
    /// They become NULL, counted and told of once; in a column that may not be null they are
    /// still an error.
    Null,
}
