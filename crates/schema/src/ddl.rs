use crate::change::Change;
use crate::existing::ExistingTable;
use crate::naming;
use crate::sql::quote_ident;
use crate::step::{Step, definition};
use crate::table::Table;

impl Table {
    /// The statement that creates the table, with its primary key.
    #[must_use]
    pub fn create_table_ddl(&self) -> String {
        let mut lines: Vec<_> =
            self.columns().iter().map(|column| definition(column, column.nullable)).collect();
        if !self.primary_key().is_empty() {
            let name = quote_ident(&naming::primary_key(self.name().name.as_str()));
            let columns: Vec<_> = self.primary_key().iter().map(ToString::to_string).collect();
            lines.push(format!("CONSTRAINT {name} PRIMARY KEY ({})", columns.join(", ")));
        }
        format!("CREATE TABLE {} (\n    {}\n)", self.name(), lines.join(",\n    "))
    }

    /// Everything that makes the table, in order: the table with its primary key, the indexes,
    /// the comments.
    #[must_use]
    pub fn create(&self) -> Vec<Change> {
        let name = self.name();
        let table = Change::new(self.create_table_ddl(), format!("DROP TABLE {name}"));
        let nothing = ExistingTable::default();
        let indexes = self.indexes().iter().map(|index| Step::CreateIndex { index });
        let comment = self
            .comment()
            .filter(|comment| !comment.is_empty())
            .map(|comment| Step::CommentTable { comment });
        let columns = self.columns().iter().filter_map(|column| {
            let comment = column.comment.as_deref().filter(|comment| !comment.is_empty())?;
            Some(Step::CommentColumn { column: column.name.as_str(), comment })
        });
        let steps = indexes.chain(comment).chain(columns);
        std::iter::once(table).chain(steps.map(|step| step.change(name, &nothing))).collect()
    }
}
