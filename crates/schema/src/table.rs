use crate::ident::{Ident, QualifiedName};
use crate::options::IndexMethod;
use crate::pg_type::PgType;

/// A PostgreSQL table that holds the rows of an Arrow schema: valid by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) name: QualifiedName,
    pub(crate) columns: Vec<Column>,
    pub(crate) block: usize,
    pub(crate) primary_key: Vec<Ident>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) comment: Option<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub ty: PgType,
    /// Whether it may be null. The block column and the columns of the primary key may not, even
    /// when the stream's may.
    pub nullable: bool,
    /// The comment that was asked for.
    pub comment: Option<String>,
}

/// One index beside the primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// The name it is created with.
    pub name: Ident,
    /// Its columns, in its order.
    pub columns: Vec<Ident>,
    /// Whether no two rows may have the same values in them.
    pub unique: bool,
    /// Its kind.
    pub method: IndexMethod,
}

impl Table {
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

    /// The columns of the primary key, in its order; none if empty.
    #[must_use]
    pub fn primary_key(&self) -> &[Ident] {
        &self.primary_key
    }

    /// The indexes beside the primary key. One on the block column is among them, unless the
    /// primary key or another B-tree begins with that column.
    #[must_use]
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// The comment on the table that was asked for.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::{Problem, SchemaError, TableOptions};

    pub(crate) fn with_options(
        fields: Vec<Field>,
        options: &TableOptions,
    ) -> Result<Table, SchemaError> {
        let name = QualifiedName {
            schema: Ident::new("public").unwrap(),
            name: Ident::new("logs").unwrap(),
        };
        Table::with_options(name, &Schema::new(fields), "_block_num", options)
    }

    fn table(fields: Vec<Field>) -> Result<Table, SchemaError> {
        with_options(fields, &TableOptions::default())
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
