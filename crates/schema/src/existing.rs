//! A table that is already there, told by whoever can read the catalog.

/// A table that is already there, as PostgreSQL's catalog describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExistingTable {
    /// Its columns, in their order.
    pub columns: Vec<ExistingColumn>,
    /// The columns of its primary key, in the key's order; none if empty.
    pub primary_key: Vec<String>,
    /// The name of the primary key's constraint; unless given, `{table}_pkey`, which PostgreSQL
    /// chooses by itself.
    pub primary_key_name: Option<String>,
    /// Its other indexes.
    pub indexes: Vec<ExistingIndex>,
    /// The comment on it.
    pub comment: Option<String>,
}

/// An index of a table that is already there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExistingIndex {
    /// Its name.
    pub name: String,
    /// Its key columns, in the index's order, without those it only includes; an expression counts
    /// as an empty name.
    pub columns: Vec<String>,
    /// Its kind, as PostgreSQL calls it: `btree`.
    pub method: String,
    /// Whether no two rows may have the same values in them.
    pub unique: bool,
    /// Whether it covers all rows and can be used: not partial, and valid.
    pub whole: bool,
}

/// A column of a table that is already there, as PostgreSQL's catalog describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExistingColumn {
    /// Its name.
    pub name: String,
    /// Its type, as `format_type` writes it.
    pub ty: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether PostgreSQL fills it when a row does not: a default or an identity.
    pub has_default: bool,
    /// Whether PostgreSQL computes it, so that no row can bring a value.
    pub generated: bool,
    /// The comment on it.
    pub comment: Option<String>,
}
