//! What a migration tool would do with this crate: from a stream's schema to files for sqlx.
//!
//! `cargo run -p ampsync-schema --example migrations [FOLDER]` writes the files into a folder; run it
//! again, and there is nothing left to write.

use std::error::Error;
use std::{env, fs, io};

use ampsync_schema::migration::{File, Layout, Migration};
use ampsync_schema::{
    ExistingColumn, ExistingTable, Ident, IndexMethod, IndexOptions, QualifiedName, Table,
    TableOptions,
};
use arrow_schema::{DataType, Field, Schema};

fn main() -> Result<(), Box<dyn Error>> {
    print_and_write(env::args().nth(1).as_deref())
}

pub(crate) fn print_and_write(folder: Option<&str>) -> Result<(), Box<dyn Error>> {
    let table = transfers()?;

    println!("-- the table\n\n{}", Migration::new([(&table, None)]).up_script());

    // Whoever reads the catalog describes what is there, in the words of `format_type`.
    let mut existing = ExistingTable::default();
    for (name, ty) in [("_block_num", "bigint"), ("from", "bytea"), ("value", "text")] {
        let mut column = ExistingColumn::default();
        column.name = name.to_owned();
        column.ty = ty.to_owned();
        column.nullable = name != "_block_num";
        existing.columns.push(column);
    }
    println!("-- an older table: {}\n", table.difference(&existing));

    let alter = Migration::new([(&table, Some(&existing))]);
    println!("-- what makes it the one that is wanted\n\n{}", alter.up_script());
    println!("-- and what undoes that\n\n{}", alter.down_script());

    let there = folder.map_or_else(|| Ok(Vec::new()), read)?;
    let files = Layout::Sqlx.files("transfers", &alter, &there)?;
    for file in &files {
        println!("-- file {}", file.name);
        if let Some(folder) = folder {
            fs::write(format!("{folder}/{}", file.name), &file.contents)?;
        }
    }
    if files.is_empty() {
        println!("-- no file to write");
    }
    Ok(())
}

/// The table of a stream, with a key, an index, and a type of our own choice.
fn transfers() -> Result<Table, Box<dyn Error>> {
    let schema = Schema::new(vec![
        Field::new("_block_num", DataType::UInt64, true),
        Field::new("log_index", DataType::UInt32, true),
        Field::new("from", DataType::FixedSizeBinary(20), true),
        Field::new("value", DataType::Utf8, true),
    ]);
    let mut options = TableOptions::default();
    options.primary_key = vec!["_block_num".to_owned(), "log_index".to_owned()];
    let mut senders = IndexOptions::default();
    senders.columns = vec!["from".to_owned()];
    senders.method = IndexMethod::Hash;
    options.indexes.push(senders);
    let value = options.columns.entry("value".to_owned()).or_default();
    value.ty = Some("numeric(78,0)".parse()?);
    value.comment = Some("in wei".to_owned());
    let name = QualifiedName { schema: Ident::new("public")?, name: Ident::new("transfers")? };
    Ok(Table::with_options(name, &schema, "_block_num", &options)?)
}

fn read(folder: &str) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push(File { name, contents: fs::read_to_string(entry.path())? });
        }
    }
    Ok(files)
}
