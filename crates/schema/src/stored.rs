//! A table that is there, taken as it is.

use arrow_schema::{Field, Schema};

use crate::existing::{ExistingColumn, ExistingTable};
use crate::ident::QualifiedName;
use crate::options::{ColumnType, TableOptions};
use crate::pg_type::PgType;
use crate::problem::SchemaError;
use crate::table::Table;

impl Table {
    /// The table `name` for rows of `schema`, as it is there: the columns that it has, each with the
    /// type that it has where values can be written so, its key and its nulls, and nothing that it
    /// lacks. Columns of the stream that it does not have are left out, but for `block_column`.
    ///
    /// Whether it can hold them all, [`difference`](Self::difference) says: it is equal or
    /// conflicting then, and never additive.
    ///
    /// # Errors
    /// When there is no such table; the error has all the reasons.
    pub fn as_stored(
        name: QualifiedName,
        schema: &Schema,
        block_column: &str,
        existing: &ExistingTable,
    ) -> Result<Self, SchemaError> {
        let find = |name: &str| existing.columns.iter().find(|column| column.name == name);
        let is_there =
            |field: &&Field| field.name() == block_column || find(field.name()).is_some();
        let fields = schema.fields().iter().map(AsRef::as_ref).filter(is_there);
        let there = Schema::new(fields.cloned().collect::<Vec<_>>());
        let mut options = TableOptions::default();
        for field in there.fields().iter().filter(|field| field.name() != block_column) {
            let chosen = find(field.name()).and_then(|found| choice(field, found));
            if chosen.is_some() {
                options.columns.entry(field.name().clone()).or_default().ty = chosen;
            }
        }
        let key = &existing.primary_key;
        if key.iter().all(|column| there.field_with_name(column).is_ok()) {
            options.primary_key.clone_from(key);
        }
        let mut table = Self::with_options(name, &there, block_column, &options)?;
        for column in &mut table.columns {
            // A null is an error then, instead of a reason to follow nothing.
            column.nullable &= find(column.name.as_str()).is_none_or(|found| found.nullable);
        }
        table.indexes.clear();
        Ok(table)
    }
}

/// The type to choose for values of `field`, so that they can be written into `found`; none where the usual
/// one does, or where nothing would.
fn choice(field: &Field, found: &ExistingColumn) -> Option<ColumnType> {
    if PgType::of_field(field).is_ok_and(|usual| usual.fits(&found.ty)) {
        return None;
    }
    let digits = match PgType::parse(found.ty.strip_suffix("[]").unwrap_or(&found.ty)) {
        Some(PgType::Numeric(digits)) => digits,
        _ => None,
    };
    let choices = [
        ColumnType::BigInt,
        ColumnType::Numeric(digits),
        ColumnType::Text,
        ColumnType::Hex,
        ColumnType::Jsonb,
    ];
    let holds = |choice: &ColumnType| {
        PgType::chosen(field.data_type(), *choice).is_ok_and(|chosen| chosen.fits(&found.ty))
    };
    choices.into_iter().find(holds)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::DataType;

    use super::*;
    use crate::diff::Difference;
    use crate::ident::Ident;
    use crate::table::tests::block;

    fn name() -> QualifiedName {
        let ident = |name: &str| Ident::new(name).unwrap();
        QualifiedName { schema: ident("public"), name: ident("logs") }
    }

    fn column(name: &str, ty: &str, nullable: bool) -> ExistingColumn {
        let (name, ty) = (name.to_owned(), ty.to_owned());
        ExistingColumn { name, ty, nullable, ..ExistingColumn::default() }
    }

    /// A table with the block numbers and a column `a` of this type.
    fn existing(ty: &str) -> ExistingTable {
        let columns = vec![column("_block_num", "bigint", false), column("a", ty, true)];
        ExistingTable { columns, ..ExistingTable::default() }
    }

    fn stored(fields: Vec<Field>, existing: &ExistingTable) -> Table {
        Table::as_stored(name(), &Schema::new(fields), "_block_num", existing).unwrap()
    }

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    #[test]
    fn a_column_is_taken_with_the_type_that_it_has() {
        let record = DataType::Struct(vec![Field::new("a", DataType::UInt64, true)].into());
        for (arrow, ty) in [
            (DataType::Binary, "bytea"),
            (DataType::FixedSizeBinary(32), "text"),
            (DataType::UInt64, "bigint"),
            (DataType::UInt64, "numeric"),
            (DataType::UInt64, "numeric(20,0)"),
            (DataType::UInt64, "numeric(30,2)"),
            (DataType::UInt64, "text"),
            (DataType::Int16, "bigint"),
            (DataType::Utf8, "character varying"),
            (DataType::Utf8, "numeric(78,0)"),
            (DataType::Utf8, "jsonb"),
            (DataType::Decimal128(38, 0), "bigint"),
            (list(DataType::Binary), "text[]"),
            (list(DataType::UInt64), "numeric(20,0)[]"),
            (list(DataType::UInt64), "bigint[]"),
            (list(DataType::Utf8), "jsonb"),
            (record.clone(), "jsonb"),
            (record, "text"),
        ] {
            let existing = existing(ty);
            let table = stored(vec![block(), Field::new("a", arrow.clone(), true)], &existing);
            assert_eq!(table.difference(&existing), Difference::Equal, "{arrow} in {ty}");
        }
    }

    #[test]
    fn what_cannot_be_written_conflicts() {
        for (arrow, ty) in [
            (DataType::Utf8, "bytea"),
            (DataType::Binary, "bigint"),
            (DataType::Boolean, "text"),
            (list(DataType::Utf8), "text"),
        ] {
            let existing = existing(ty);
            let table = stored(vec![block(), Field::new("a", arrow.clone(), true)], &existing);
            let difference = table.difference(&existing);
            assert!(matches!(difference, Difference::Conflicting(_)), "{arrow} in {ty}");
        }
    }

    #[test]
    fn nothing_is_added_and_what_is_there_is_obeyed() {
        let mut existing = existing("bytea");
        existing.columns.push(column("key", "bigint", false));
        existing.primary_key = vec!["key".to_owned()];
        let fields = vec![
            Field::new("new", DataType::Utf8, false),
            Field::new("key", DataType::Int64, true),
            block(),
            Field::new("a", DataType::Binary, true),
        ];
        let table = stored(fields, &existing);
        assert_eq!(table.difference(&existing), Difference::Equal);
        let names: Vec<_> = table.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["key", "_block_num", "a"]);
        assert_eq!(table.block_column().as_str(), "_block_num");
        let nullable: Vec<_> = table.columns().iter().map(|column| column.nullable).collect();
        assert_eq!(nullable, [false, false, true]);
        assert!(table.indexes().is_empty());
    }
}
