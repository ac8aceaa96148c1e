//! The smallest changes to a table: each can be written as SQL, and done to a description.

use crate::change::Change;
use crate::convert;
use crate::existing::{ExistingColumn, ExistingIndex, ExistingTable};
use crate::ident::QualifiedName;
use crate::naming;
use crate::sql::{list, quote_ident, quote_literal};
use crate::table::{Column, Index};

#[derive(Clone, Debug)]
pub(crate) enum Step<'a> {
    AddColumn { column: &'a Column, nullable: bool },
    DropColumn { column: String },
    DropIdentity { column: String },
    SetType { column: &'a Column },
    DropNotNull { column: String },
    AddPrimaryKey { columns: Vec<String> },
    DropPrimaryKey,
    CreateIndex { index: &'a Index },
    DropIndex { index: ExistingIndex },
    CommentTable { comment: &'a str },
    CommentColumn { column: &'a str, comment: &'a str },
}

impl Step<'_> {
    /// The statement, and the one that undoes it, for a table that is as `before` says.
    pub(crate) fn change(&self, table: &QualifiedName, before: &ExistingTable) -> Change {
        let alter = |what: String| format!("ALTER TABLE {table} {what}");
        let find = |name: &str| before.columns.iter().find(|column| column.name == name);
        match self {
            Self::AddColumn { column, nullable } => Change::new(
                alter(format!("ADD COLUMN {}", definition(column, *nullable))),
                alter(format!("DROP COLUMN {}", column.name)),
            ),
            Self::DropColumn { column } => Change::new(
                alter(format!("DROP COLUMN {}", quote_ident(column))),
                alter(format!("ADD COLUMN {}", find(column).map_or_else(String::new, put_back))),
            ),
            Self::DropIdentity { column } => {
                let drop =
                    alter(format!("ALTER COLUMN {} DROP IDENTITY IF EXISTS", quote_ident(column)));
                // Nobody knows whether there was one, so none is put back.
                Change::new(drop.clone(), drop)
            }
            Self::SetType { column } => set_type(table, column, find(column.name.as_str())),
            Self::DropNotNull { column } => Change::new(
                alter(format!("ALTER COLUMN {} DROP NOT NULL", quote_ident(column))),
                alter(format!("ALTER COLUMN {} SET NOT NULL", quote_ident(column))),
            ),
            Self::AddPrimaryKey { columns } => {
                let name = free_key_name(table, before);
                let nullable = columns.iter().filter(|name| find(name).is_some_and(|c| c.nullable));
                let release: String = nullable
                    .map(|name| format!(", ALTER COLUMN {} DROP NOT NULL", quote_ident(name)))
                    .collect();
                Change::new(
                    alter(add_key(&name, columns)),
                    alter(format!("DROP CONSTRAINT {}{release}", quote_ident(&name))),
                )
                .adding(columns, true, true)
            }
            Self::DropPrimaryKey => {
                let name = key_name(table, before);
                Change::new(
                    alter(format!("DROP CONSTRAINT {}", quote_ident(&name))),
                    alter(add_key(&name, &before.primary_key)),
                )
            }
            Self::CreateIndex { index } => {
                let index = named(table, index, before);
                Change::new(create_index(table, &index), drop_index(table, &index)).adding(
                    &index.columns,
                    index.unique,
                    false,
                )
            }
            Self::DropIndex { index } => {
                Change::new(drop_index(table, index), create_index(table, index))
            }
            Self::CommentTable { comment } => {
                let on = format!("COMMENT ON TABLE {table} IS ");
                let old = before.comment.as_deref();
                Change::new(on.clone() + &quote_literal(comment), on + &comment_or_null(old))
            }
            Self::CommentColumn { column, comment } => {
                let on = format!("COMMENT ON COLUMN {table}.{} IS ", quote_ident(column));
                let old = find(column).and_then(|column| column.comment.as_deref());
                Change::new(on.clone() + &quote_literal(comment), on + &comment_or_null(old))
            }
        }
    }

    /// Does to the description what the statement does to the table.
    pub(crate) fn apply(&self, name: &QualifiedName, table: &mut ExistingTable) {
        match self {
            Self::AddColumn { column, nullable } => table.columns.push(ExistingColumn {
                name: column.name.as_str().to_owned(),
                ty: column.ty.to_string(),
                nullable: *nullable,
                ..ExistingColumn::default()
            }),
            Self::DropColumn { column } => {
                table.columns.retain(|other| other.name != *column);
                table.indexes.retain(|index| !index.columns.contains(column));
                if table.primary_key.contains(column) {
                    table.primary_key.clear();
                    table.primary_key_name = None;
                }
            }
            // A plain default stays, and does not matter.
            Self::DropIdentity { .. } => {}
            Self::SetType { column } => change_column(table, column.name.as_str(), |found| {
                found.ty = column.ty.to_string();
                found.has_default = false;
            }),
            Self::DropNotNull { column } => {
                change_column(table, column, |found| found.nullable = true);
            }
            Self::AddPrimaryKey { columns } => {
                table.primary_key_name = Some(free_key_name(name, table));
                table.primary_key.clone_from(columns);
                for column in columns {
                    change_column(table, column, |found| found.nullable = false);
                }
            }
            Self::DropPrimaryKey => {
                table.primary_key.clear();
                table.primary_key_name = None;
            }
            Self::CreateIndex { index } => {
                let index = named(name, index, table);
                table.indexes.push(index);
            }
            Self::DropIndex { index } => table.indexes.retain(|other| other.name != index.name),
            Self::CommentTable { comment } => table.comment = Some((*comment).to_owned()),
            Self::CommentColumn { column, comment } => change_column(table, column, |found| {
                found.comment = Some((*comment).to_owned());
            }),
        }
    }
}

/// A column as `CREATE TABLE` and `ADD COLUMN` define it.
pub(crate) fn definition(column: &Column, nullable: bool) -> String {
    let null = if nullable { "" } else { " NOT NULL" };
    format!("{} {}{null}", column.name, column.ty)
}

fn put_back(column: &ExistingColumn) -> String {
    // Rows that are there have nothing to put into it.
    format!("{} {}", quote_ident(&column.name), column.ty)
}

fn set_type(table: &QualifiedName, column: &Column, found: Option<&ExistingColumn>) -> Change {
    let Column { name, ty, .. } = column;
    let found_ty = found.map_or("text", |found| found.ty.as_str());
    let alter = format!("ALTER TABLE {table} ALTER COLUMN {name} ");
    let using = convert::into(name.as_str(), found_ty, ty)
        .map_or_else(|| "NULL".to_owned(), |conversion| conversion.using);
    let down = match convert::out_of(name.as_str(), ty, found_ty) {
        Some(back) => format!("{alter}TYPE {found_ty} USING {back}"),
        None => format!("ALTER TABLE {table} DROP COLUMN {name}, ADD COLUMN {name} {found_ty}"),
    };
    // A default that does not fit the new type would refuse it; the stream fills the column.
    let release = if found.is_some_and(|found| found.has_default) {
        format!("DROP DEFAULT, ALTER COLUMN {name} ")
    } else {
        String::new()
    };
    Change::new(format!("{alter}{release}TYPE {ty} USING {using}"), down)
}

fn change_column(table: &mut ExistingTable, name: &str, change: impl FnOnce(&mut ExistingColumn)) {
    if let Some(column) = table.columns.iter_mut().find(|column| column.name == name) {
        change(column);
    }
}

/// The name of the key that is there.
fn key_name(table: &QualifiedName, before: &ExistingTable) -> String {
    let name = before.primary_key_name.clone();
    name.unwrap_or_else(|| naming::primary_key(table.name.as_str()))
}

/// The name of a key to come: an index may have the usual one.
fn free_key_name(table: &QualifiedName, before: &ExistingTable) -> String {
    let taken = |name: &str| before.indexes.iter().any(|index| index.name == name);
    naming::free_primary_key(table.name.as_str(), taken)
}

pub(crate) fn add_key(name: &str, columns: &[String]) -> String {
    let columns = list(columns.iter().map(String::as_str));
    format!("ADD CONSTRAINT {} PRIMARY KEY {columns}", quote_ident(name))
}

/// The index as it is created, under a name that is free.
fn named(table: &QualifiedName, index: &Index, before: &ExistingTable) -> ExistingIndex {
    let columns: Vec<_> = index.columns.iter().map(|column| column.as_str()).collect();
    let key = (!before.primary_key.is_empty()).then(|| key_name(table, before));
    let taken = |name: &str| {
        key.as_deref() == Some(name) || before.indexes.iter().any(|other| other.name == name)
    };
    let usual = index.name.as_str();
    let name = if taken(usual) {
        naming::index(table.name.as_str(), &columns, taken)
    } else {
        usual.to_owned()
    };
    ExistingIndex {
        name,
        columns: columns.into_iter().map(str::to_owned).collect(),
        method: index.method.to_string(),
        unique: index.unique,
        whole: true,
    }
}

fn create_index(table: &QualifiedName, index: &ExistingIndex) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let columns = list(index.columns.iter().map(String::as_str));
    let (name, method) = (quote_ident(&index.name), &index.method);
    format!("CREATE {unique}INDEX {name} ON {table} USING {method} {columns}")
}

fn drop_index(table: &QualifiedName, index: &ExistingIndex) -> String {
    format!("DROP INDEX {}.{}", table.schema, quote_ident(&index.name))
}

fn comment_or_null(comment: Option<&str>) -> String {
    comment.map_or_else(|| "NULL".to_owned(), quote_literal)
}
