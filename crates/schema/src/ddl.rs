use crate::table::{Column, Table};

/// The kind of the index on the block column.
///
/// A retraction must cost what it deletes, not what the table holds. A B-tree does that at once;
/// a BRIN index reads every page that was filled since it was last summarised, which right after
/// a load is most of the table.
const BLOCK_INDEX: &str = "btree";

impl Table {
    /// The statement that creates the table.
    #[must_use]
    pub fn create_table_ddl(&self) -> String {
        let columns: Vec<_> = self.columns().iter().map(Column::definition).collect();
        format!("CREATE TABLE {} (\n    {}\n)", self.name(), columns.join(",\n    "))
    }

    /// The statement that creates the index on the block column. PostgreSQL chooses its name.
    #[must_use]
    pub fn create_index_ddl(&self) -> String {
        format!("CREATE INDEX ON {} USING {BLOCK_INDEX} ({})", self.name(), self.block_column())
    }
}

impl Column {
    /// The column as `CREATE TABLE` and `ADD COLUMN` define it.
    pub(crate) fn definition(&self) -> String {
        let null = if self.nullable { "" } else { " NOT NULL" };
        format!("{} {}{null}", self.name, self.ty)
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use crate::table::tests::{block, table};

    #[test]
    fn the_ddl_quotes_every_name() {
        let table = table(vec![block(), Field::new("from", DataType::Utf8, true)]).unwrap();
        assert_eq!(
            table.create_table_ddl(),
            "CREATE TABLE \"public\".\"logs\" (\n    \"_block_num\" bigint NOT NULL,\n    \
             \"from\" text\n)"
        );
        assert_eq!(
            table.create_index_ddl(),
            "CREATE INDEX ON \"public\".\"logs\" USING btree (\"_block_num\")"
        );
    }
}
