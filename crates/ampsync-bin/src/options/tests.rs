use std::path::Path;

use ampsync_schema::{ColumnType, IndexMethod, Place};
use expect_test::{Expect, expect, expect_file};
use sink_postgres::{NulPolicy, RangePolicy};

use super::*;
use crate::settings::Mistakes;

fn check(text: &str, expected: Expect) {
    let (_, mistakes) = read(Path::new("ampsync.toml"), text);
    expected.assert_eq(&format!("{}\n", Mistakes(mistakes)));
}

#[test]
fn everything_that_can_be_said_of_a_table_is_read() {
    let text = r#"
        [tables.transfers]
        name = "ERC-20"
        schema = "defi"
        comment = "it's"
        columns = ["tx_hash", "from", "value"]
        where = '''
"from" <> to -- no mints
AND value <> '0'
'''
        primary_key = ["tx_hash", "log_index"]
        nul = "strip"
        out_of_range = "null"
        indexes = [{ columns = ["from"] }]
        types = { value = "numeric", tx_hash = "hex" }
        comments.value = "in wei"
        [tables.plain]
    "#;
    let (tables, mistakes) = read(Path::new("ampsync.toml"), text);
    assert_eq!(mistakes, []);
    assert_eq!(tables.len(), 2);
    let config = &tables["transfers"];
    assert_eq!(config.name.as_ref().unwrap().as_str(), "ERC-20");
    assert_eq!(config.schema.as_ref().unwrap().as_str(), "defi");
    assert_eq!(config.table.comment.as_deref(), Some("it's"));
    assert_eq!(config.selection.columns(), ["tx_hash", "from", "value"]);
    let filter = config.selection.filter().unwrap();
    assert_eq!(filter.sql(), r#""from" <> to AND value <> '0'"#);
    assert_eq!(config.table.primary_key, ["tx_hash", "log_index"]);
    assert_eq!(config.table.columns["value"].ty, Some(ColumnType::Numeric(None)));
    assert_eq!(config.table.columns["value"].comment.as_deref(), Some("in wei"));
    assert_eq!(config.table.columns["tx_hash"].ty, Some(ColumnType::Hex));
    let index = &config.table.indexes[0];
    assert_eq!((index.unique, index.method), (false, IndexMethod::BTree));
    assert_eq!(config.nul, Some(NulPolicy::Strip));
    assert_eq!(config.out_of_range, Some(RangePolicy::Null));
    let places: Vec<_> = config
        .columns
        .iter()
        .map(|column| format!("{}:{:?}", column.name, column.role))
        .filter(|text| text.contains(&format!("{:?}", Place::PrimaryKey)))
        .collect();
    assert_eq!(places.len(), 2);
    assert!(tables["plain"].selection.is_all());
}

#[test]
fn an_empty_file_asks_for_nothing() {
    assert_eq!(read(Path::new("ampsync.toml"), "\u{feff}# later\n"), Default::default());
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let text = include_str!("snapshots/mistakes.toml");
    let (_, mistakes) = read(Path::new("ampsync.toml"), text);
    expect_file!["snapshots/mistakes.txt"].assert_eq(&format!("{}\n", Mistakes(mistakes)));
}

#[test]
fn a_mistake_in_a_filter_is_told_where_it_stands_in_the_file() {
    check(
        r#"
[tables.a]
where = "\"from\" = now() AND b IN (SELECT 1)"
[tables.b]
where = """
  a > 1
  AND max(b) > 2"""
[tables.c]
where = 'a > 1; DELETE FROM x'
[tables.d]
where = "a > 1) OR (b > 2"
"#,
        expect![[r#"
            there are 5 mistakes in the configuration

              AMPSYNC_CONFIG: ampsync.toml:3:21: tables.a.where: now() changes, and a replay has to choose the same rows
                    |
                  3 | where = "\"from\" = now() AND b IN (SELECT 1)"
                    |                     ^
                  write a constant
              AMPSYNC_CONFIG: ampsync.toml:3:37: tables.a.where: a filter cannot ask another query
                    |
                  3 | where = "\"from\" = now() AND b IN (SELECT 1)"
                    |                                     ^
                  write a condition on the columns of the row itself
              AMPSYNC_CONFIG: ampsync.toml:7:7: tables.b.where: max() is made of many rows, and a filter sees one
                    |
                  7 |   AND max(b) > 2"""
                    |       ^
                  write a condition on the columns of the row itself
              AMPSYNC_CONFIG: ampsync.toml:9:15: tables.c.where: the expression ends before ;
                    |
                  9 | where = 'a > 1; DELETE FROM x'
                    |               ^
                  write one expression, and nothing else
              AMPSYNC_CONFIG: ampsync.toml:11:15: tables.d.where: the expression ends before )
                     |
                  11 | where = "a > 1) OR (b > 2"
                     |               ^
                  write one expression, and nothing else
        "#]],
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_place() {
    check(
        "[tables.a]\nname = \"x\nschema = y\n",
        expect![[r#"
        there are 2 mistakes in the configuration

          AMPSYNC_CONFIG: ampsync.toml:2:10: the file is not TOML: invalid basic string, expected `"`
                |
              2 | name = "x
                |          ^
              correct the syntax there, or just before
          AMPSYNC_CONFIG: ampsync.toml:3:10: the file is not TOML: string values must be quoted, expected literal string
                |
              3 | schema = y
                |          ^
              correct the syntax there, or just before
    "#]],
    );
    check(
        "[tables.a]\nname = \"x\"\nname = \"y\"\n[tables.a]\n",
        expect![[r#"
        there are 2 mistakes in the configuration

          AMPSYNC_CONFIG: ampsync.toml:3:1: the file is not TOML: duplicate key
                |
              3 | name = "y"
                | ^
              correct the syntax there, or just before
          AMPSYNC_CONFIG: ampsync.toml:4:9: the file is not TOML: duplicate key
                |
              4 | [tables.a]
                |         ^
              correct the syntax there, or just before
    "#]],
    );
}

#[test]
fn the_examples_of_the_documentation_are_right() {
    let readme = include_str!("../../../../README.md");
    let (_, example) = readme.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (_, help) = include_str!("help.txt").split_once(":\n").unwrap();
    for text in [example, help] {
        let (tables, mistakes) = read(Path::new("ampsync.toml"), text);
        assert!(mistakes.is_empty(), "{}", Mistakes(mistakes));
        let config = &tables["transfers"];
        for key in ["name", "columns", "where", "indexes", "types", "comments", "out_of_range"] {
            assert!(text.contains(key), "{key}: {text}");
        }
        assert_eq!(config.table.columns.len(), 1);
    }
}
