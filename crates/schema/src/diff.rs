use std::fmt;

use crate::ident::Ident;
use crate::table::{Column, Table};

/// A table that is already there, as PostgreSQL's catalog describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExistingTable {
    /// Its columns, in their order.
    pub columns: Vec<ExistingColumn>,
    /// The columns of its primary key, in the key's order; none if empty.
    pub primary_key: Vec<String>,
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
    /// Its columns, in the index's order; an expression counts as an empty name.
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

/// How the table that is there differs from the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It holds what is wanted, perhaps among more columns and in another order.
    Equal,
    /// It lacks columns that may be null: these statements add them.
    Additive(Vec<String>),
    /// It cannot hold what is wanted: every reason at once.
    Conflicting(Vec<Conflict>),
}

/// One reason why a table cannot hold what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The column.
    pub column: String,
    /// What it should be.
    pub wanted: String,
    /// What it is.
    pub found: String,
    /// The statement that would reconcile the two, if the data allows it.
    pub statement: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, wanted, found, .. } = self;
        write!(f, "column {column:?} should be {wanted} and is {found}")
    }
}

impl Table {
    /// How `existing` differs from this table.
    #[must_use]
    pub fn difference(&self, existing: &ExistingTable) -> Difference {
        let existing = &existing.columns;
        let mut conflicts = Vec::new();
        let mut additions = Vec::new();
        for column in self.columns() {
            match existing.iter().find(|found| found.name == column.name.as_str()) {
                Some(found) => conflicts.extend(self.conflict(column, found)),
                None if column.nullable => additions.push(self.add_column(column)),
                None => conflicts.push(Conflict {
                    column: column.name.as_str().to_owned(),
                    wanted: format!("{} NOT NULL", column.ty),
                    found: "missing".to_owned(),
                    statement: self.add_column(column),
                }),
            }
        }
        let known = |name: &str| self.columns().iter().any(|column| column.name.as_str() == name);
        for extra in existing.iter().filter(|extra| !known(&extra.name)) {
            if !extra.nullable && !extra.has_default && !extra.generated {
                conflicts.push(Conflict {
                    column: extra.name.clone(),
                    wanted: "nullable or with a default, because the stream does not have it"
                        .to_owned(),
                    found: format!("{} NOT NULL", extra.ty),
                    statement: self.drop_not_null(&extra.name),
                });
            }
        }
        if !conflicts.is_empty() {
            Difference::Conflicting(conflicts)
        } else if !additions.is_empty() {
            Difference::Additive(additions)
        } else {
            Difference::Equal
        }
    }

    fn conflict(&self, wanted: &Column, found: &ExistingColumn) -> Option<Conflict> {
        let Column { name, ty, .. } = wanted;
        let (wanted, found, statement) = if found.generated {
            let statement = format!("ALTER TABLE {} DROP COLUMN {name}", self.name());
            (ty.to_string(), "generated".to_owned(), statement)
        } else if !ty.fits(&found.ty) {
            let statement = format!(
                "ALTER TABLE {} ALTER COLUMN {name} TYPE {ty} USING {name}::{ty}",
                self.name()
            );
            (ty.to_string(), found.ty.clone(), statement)
        } else if wanted.nullable && !found.nullable {
            let statement = self.drop_not_null(name.as_str());
            (format!("{ty} NULL"), format!("{} NOT NULL", found.ty), statement)
        } else {
            return None;
        };
        Some(Conflict { column: name.as_str().to_owned(), wanted, found, statement })
    }

    fn add_column(&self, column: &Column) -> String {
        format!("ALTER TABLE {} ADD COLUMN {}", self.name(), column.definition())
    }

    fn drop_not_null(&self, column: &str) -> String {
        // The catalog's names are valid; one that is not cannot be helped by a statement.
        let column = Ident::new(column).map_or_else(|_| column.to_owned(), |name| name.to_string());
        format!("ALTER TABLE {} ALTER COLUMN {column} DROP NOT NULL", self.name())
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;
    use crate::table::tests::{block, table};

    fn wanted() -> Table {
        table(vec![
            block(),
            Field::new("hash", DataType::FixedSizeBinary(32), false),
            Field::new("value", DataType::Decimal128(38, 0), true),
        ])
        .unwrap()
    }

    fn column(name: &str, ty: &str, nullable: bool) -> ExistingColumn {
        let (name, ty) = (name.to_owned(), ty.to_owned());
        ExistingColumn { name, ty, nullable, ..ExistingColumn::default() }
    }

    fn existing_table(columns: &[ExistingColumn]) -> ExistingTable {
        ExistingTable { columns: columns.to_vec(), ..ExistingTable::default() }
    }

    fn existing() -> Vec<ExistingColumn> {
        vec![
            column("value", "numeric(38,0)", true),
            column("_block_num", "bigint", false),
            column("hash", "bytea", false),
        ]
    }

    fn statements(existing: &[ExistingColumn]) -> Vec<String> {
        let Difference::Conflicting(conflicts) = wanted().difference(&existing_table(existing))
        else {
            panic!("no conflict")
        };
        conflicts.into_iter().map(|conflict| conflict.statement).collect()
    }

    #[test]
    fn order_and_harmless_extra_columns_do_not_matter() {
        let mut existing = existing();
        existing.push(column("note", "text", true));
        let mut filled = column("id", "uuid", false);
        filled.has_default = true;
        existing.push(filled);
        assert_eq!(wanted().difference(&existing_table(&existing)), Difference::Equal);
    }

    #[test]
    fn a_missing_nullable_column_is_added() {
        assert_eq!(
            wanted().difference(&existing_table(&existing()[1..])),
            Difference::Additive(vec![
                "ALTER TABLE \"public\".\"logs\" ADD COLUMN \"value\" numeric(38,0)".to_owned()
            ])
        );
    }

    #[test]
    fn each_conflict_names_the_statement_that_reconciles_it() {
        let mut existing = existing();
        existing[0] = column("value", "bigint", true);
        existing[2].generated = true;
        existing.push(column("extra", "text", false));
        assert_eq!(
            statements(&existing),
            [
                "ALTER TABLE \"public\".\"logs\" DROP COLUMN \"hash\"",
                "ALTER TABLE \"public\".\"logs\" ALTER COLUMN \"value\" TYPE numeric(38,0) USING \
                 \"value\"::numeric(38,0)",
                "ALTER TABLE \"public\".\"logs\" ALTER COLUMN \"extra\" DROP NOT NULL",
            ]
        );
    }

    #[test]
    fn a_missing_column_that_may_not_be_null_is_a_conflict() {
        assert_eq!(
            statements(&existing()[..2]),
            ["ALTER TABLE \"public\".\"logs\" ADD COLUMN \"hash\" bytea NOT NULL"]
        );
    }

    #[test]
    fn a_column_that_refuses_nulls_cannot_hold_a_nullable_one() {
        let mut existing = existing();
        existing[0].nullable = false;
        assert_eq!(
            statements(&existing),
            ["ALTER TABLE \"public\".\"logs\" ALTER COLUMN \"value\" DROP NOT NULL"]
        );
    }
}
