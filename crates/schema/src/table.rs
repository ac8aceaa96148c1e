use std::collections::HashSet;
use std::fmt;

use arrow_schema::{DataType, Schema};

use crate::ident::{Ident, InvalidIdent, QualifiedName};
use crate::mapping::{UnsupportedType, WrongChoice};
use crate::options::TableOptions;
use crate::pg_type::PgType;

/// How many columns a PostgreSQL table can have.
const COLUMNS_MAX: usize = 1_600;

/// The names every PostgreSQL table uses for itself.
const SYSTEM_COLUMNS: [&str; 6] = ["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

/// A PostgreSQL table that holds the rows of an Arrow schema: valid by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    name: QualifiedName,
    columns: Vec<Column>,
    block: usize,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub ty: PgType,
    /// Whether it may be null.
    pub nullable: bool,
}

/// Why an Arrow schema cannot be a table: every reason at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// The table.
    pub table: QualifiedName,
    /// The reasons, in the order of the columns; at least one.
    pub problems: Vec<Problem>,
}

/// One reason why an Arrow schema cannot be a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A column's name is not an identifier.
    #[error("column {position}: {source}")]
    Name {
        /// Which column, counted from one.
        position: usize,
        /// What is wrong with the name.
        source: InvalidIdent,
    },
    /// Two columns have the same name.
    #[error("column {0} occurs more than once")]
    Duplicate(Ident),
    /// PostgreSQL uses the name itself.
    #[error("column {0} has the name of a PostgreSQL system column")]
    SystemColumn(Ident),
    /// A column's type has no equivalent.
    #[error("column {column}: {source}")]
    Type {
        /// The column.
        column: Ident,
        /// What is wrong with the type.
        source: UnsupportedType,
    },
    /// The type chosen for a column cannot hold its values.
    #[error("column {column}: {source}")]
    Choice {
        /// The column.
        column: Ident,
        /// What is wrong with the choice.
        source: WrongChoice,
    },
    /// The column with the block numbers is missing.
    #[error("there is no column {0:?} with the block numbers")]
    NoBlockColumn(String),
    /// The column with the block numbers is not `UInt64`.
    #[error("the block column {column} is {found}, not UInt64")]
    BlockType {
        /// The column.
        column: Ident,
        /// The type it has.
        found: DataType,
    },
    /// There are more columns than PostgreSQL allows.
    #[error("there are {0} columns, a PostgreSQL table has at most 1600")]
    TooManyColumns(usize),
}

impl std::error::Error for SchemaError {}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} cannot be created", self.table)?;
        let mut separator = ": ";
        for problem in &self.problems {
            write!(f, "{separator}{problem}")?;
            separator = "; ";
        }
        Ok(())
    }
}

impl Table {
    /// The table `name` for rows of `schema`, whose block numbers are in `block_column`.
    ///
    /// # Errors
    /// When there is no such table; the error has all the reasons.
    pub fn from_arrow(
        name: QualifiedName,
        schema: &Schema,
        block_column: &str,
    ) -> Result<Self, SchemaError> {
        Self::with_options(name, schema, block_column, &TableOptions::default())
    }

    /// The table `name` for rows of `schema`, whose block numbers are in `block_column`, as
    /// `options` ask for it.
    ///
    /// # Errors
    /// When there is no such table; the error has all the reasons.
    pub fn with_options(
        name: QualifiedName,
        schema: &Schema,
        block_column: &str,
        options: &TableOptions,
    ) -> Result<Self, SchemaError> {
        let mut problems = Vec::new();
        let mut columns = Vec::with_capacity(schema.fields().len());
        let mut seen = HashSet::new();
        let mut block = None;
        for (index, field) in schema.fields().iter().enumerate() {
            let ident = match Ident::new(field.name()) {
                Ok(ident) => ident,
                Err(source) => {
                    problems.push(Problem::Name { position: index + 1, source });
                    continue;
                }
            };
            if !seen.insert(ident.clone()) {
                problems.push(Problem::Duplicate(ident));
                continue;
            }
            if SYSTEM_COLUMNS.contains(&ident.as_str()) {
                problems.push(Problem::SystemColumn(ident.clone()));
            }
            let is_block = field.name() == block_column;
            if is_block {
                block = Some(index);
                if field.data_type() != &DataType::UInt64 {
                    let found = field.data_type().clone();
                    problems.push(Problem::BlockType { column: ident.clone(), found });
                }
            }
            let chosen = options.columns.get(field.name()).and_then(|column| column.ty);
            if let Some(chosen) = chosen.filter(|_| !is_block) {
                match PgType::chosen(field.data_type(), chosen) {
                    Ok(ty) => {
                        columns.push(Column { name: ident, ty, nullable: field.is_nullable() })
                    }
                    Err(source) => problems.push(Problem::Choice { column: ident, source }),
                }
                continue;
            }
            match if is_block { Ok(PgType::BigInt) } else { PgType::of_field(field) } {
                // A row without a block number could never be retracted.
                Ok(ty) => {
                    let nullable = field.is_nullable() && !is_block;
                    columns.push(Column { name: ident, ty, nullable });
                }
                Err(source) => problems.push(Problem::Type { column: ident, source }),
            }
        }
        if schema.fields().len() > COLUMNS_MAX {
            problems.push(Problem::TooManyColumns(schema.fields().len()));
        }
        match block {
            Some(block) if problems.is_empty() => Ok(Self { name, columns, block }),
            Some(_) => Err(SchemaError { table: name, problems }),
            None => {
                problems.push(Problem::NoBlockColumn(block_column.to_owned()));
                Err(SchemaError { table: name, problems })
            }
        }
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &QualifiedName {
        &self.name
    }

    /// The columns, in the order of the Arrow schema.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Which of the columns has the block numbers.
    #[must_use]
    pub fn block_index(&self) -> usize {
        self.block
    }

    /// The name of the column with the block numbers, by which rows are retracted.
    #[must_use]
    pub fn block_column(&self) -> &Ident {
        &self.columns[self.block].name
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use arrow_schema::Field;

    use super::*;

    pub(crate) fn table(fields: Vec<Field>) -> Result<Table, SchemaError> {
        let name = QualifiedName {
            schema: Ident::new("public").unwrap(),
            name: Ident::new("logs").unwrap(),
        };
        Table::from_arrow(name, &Schema::new(fields), "_block_num")
    }

    pub(crate) fn block() -> Field {
        Field::new("_block_num", DataType::UInt64, true)
    }

    #[test]
    fn the_block_column_is_never_null() {
        let table = table(vec![Field::new("data", DataType::Binary, true), block()]).unwrap();
        assert_eq!(table.block_column().as_str(), "_block_num");
        let nullable: Vec<_> = table.columns().iter().map(|column| column.nullable).collect();
        assert_eq!(nullable, [true, false]);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let error = table(vec![
            Field::new("", DataType::Utf8, true),
            Field::new("a", DataType::Utf8, true),
            Field::new("a", DataType::Utf8, true),
            Field::new("xmin", DataType::Utf8, true),
            Field::new(
                "view",
                DataType::ListView(Field::new("item", DataType::Int8, true).into()),
                true,
            ),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "table \"public\".\"logs\" cannot be created: \
             column 1: an identifier cannot be empty; \
             column \"a\" occurs more than once; \
             column \"xmin\" has the name of a PostgreSQL system column; \
             column \"view\": Arrow type ListView(Int8) has no PostgreSQL type; \
             there is no column \"_block_num\" with the block numbers"
        );
    }

    #[test]
    fn a_block_column_that_is_not_uint64_is_refused() {
        let error = table(vec![Field::new("_block_num", DataType::Utf8, false)]).unwrap_err();
        assert!(matches!(error.problems[..], [Problem::BlockType { .. }]), "{error}");
    }

    #[test]
    fn more_columns_than_postgresql_allows_are_refused() {
        let mut fields: Vec<_> =
            (0..1_600).map(|n| Field::new(format!("c{n}"), DataType::Int8, true)).collect();
        fields.push(block());
        let error = table(fields).unwrap_err();
        assert_eq!(error.problems, [Problem::TooManyColumns(1_601)]);
    }
}
