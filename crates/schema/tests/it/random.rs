//! Random wanted tables over random existing ones.

use ampsync_schema::{Difference, IndexMethod, IndexOptions, Table, TableOptions};
use arrow_schema::Field;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::catalog;
use crate::support::{assert_equal, block, down, every_type, execute, on_each, table, up};

const COLUMNS: [&str; 5] = ["a", "B", "c d", "e\"f", "g"];

fn method() -> impl Strategy<Value = IndexMethod> {
    use IndexMethod::{BTree, Brin, Gin, Hash};
    prop::sample::select(vec![BTree, BTree, Brin, Gin, Hash])
}

fn key(columns: &[&'static str]) -> impl Strategy<Value = Vec<String>> + use<> {
    prop::sample::subsequence(columns.to_vec(), 0..=2)
        .prop_shuffle()
        .prop_map(|columns| columns.into_iter().map(str::to_owned).collect())
}

/// A wanted table: some columns of any type, with what keys and indexes they can have.
fn wanted() -> impl Strategy<Value = Table> {
    let columns = prop::sample::subsequence(COLUMNS.to_vec(), 1..=5);
    let types = prop::collection::vec((0..every_type().len(), any::<bool>()), 5);
    let indexes = prop::collection::vec((key(&COLUMNS), method(), any::<bool>()), 0..3);
    let comments = prop::collection::vec(prop::option::of("[ab']{0,1}"), 6);
    (columns, types, key(&COLUMNS), indexes, comments).prop_map(
        |(columns, types, key, indexes, comments)| {
            let ty = |number: usize| every_type()[types[number].0].0.data_type().clone();
            let fields: Vec<Field> = columns
                .iter()
                .enumerate()
                .map(|(number, name)| Field::new(*name, ty(number), types[number].1))
                .chain([block()])
                .collect();
            let has = |column: &String| columns.contains(&column.as_str());
            let mut options = TableOptions::default();
            options.primary_key = key.into_iter().filter(has).collect();
            options.comment = comments[5].clone();
            for (name, comment) in columns.iter().zip(comments) {
                options.columns.entry((*name).to_owned()).or_default().comment = comment;
            }
            for (columns, method, unique) in indexes {
                let mut index = IndexOptions::default();
                index.columns = columns.into_iter().filter(has).collect();
                index.method = method;
                index.unique = unique;
                options.indexes.push(index);
                let schema = arrow_schema::Schema::new(fields.clone());
                let name = crate::support::name("public", "logs");
                if Table::with_options(name, &schema, "_block_num", &options).is_err() {
                    options.indexes.pop();
                }
            }
            table(fields, &options)
        },
    )
}

/// Statements that make some other table of that name.
fn existing() -> impl Strategy<Value = String> {
    let strict = prop::collection::vec(any::<bool>(), 6);
    (wanted(), strict, any::<bool>()).prop_map(|(table, strict, generated)| {
        let mut statements: Vec<_> =
            table.create().into_iter().map(|change| change.up + ";").collect();
        for (column, _) in table.columns().iter().zip(&strict).filter(|(_, strict)| **strict) {
            let name = &column.name;
            statements.push(format!("ALTER TABLE logs ALTER COLUMN {name} SET NOT NULL;"));
        }
        if generated {
            statements.push("ALTER TABLE logs ADD COLUMN \"z\" int NOT NULL;".to_owned());
            statements.push(
                "ALTER TABLE logs DROP COLUMN IF EXISTS a; \
                 ALTER TABLE logs ADD COLUMN a numeric GENERATED ALWAYS AS (1) STORED;"
                    .to_owned(),
            );
        }
        statements.concat()
    })
}

#[tokio::test]
async fn any_table_becomes_any_other_and_every_statement_can_be_undone() {
    let mut runner = TestRunner::deterministic();
    let pairs = (wanted(), existing());
    let pairs: Vec<_> = (0..150).map(|_| pairs.new_tree(&mut runner).unwrap().current()).collect();
    on_each(async |session| {
        for (wanted, existing) in &pairs {
            execute(session, "DROP TABLE IF EXISTS logs").await;
            execute(session, existing).await;
            let before = catalog::read(session, "logs").await;
            let changes = wanted.alter(&before);
            assert_eq!(changes.is_empty(), wanted.difference(&before) == Difference::Equal);
            up(session, &changes).await;
            assert_equal(session, wanted).await;
            down(session, &changes).await;
            let after = catalog::read(session, "logs").await;
            let mut types: Vec<_> = after.columns.into_iter().map(|c| (c.name, c.ty)).collect();
            let mut there: Vec<_> = before.columns.into_iter().map(|c| (c.name, c.ty)).collect();
            types.sort();
            there.sort();
            assert_eq!(types, there, "{existing}");
            assert_eq!(after.primary_key, before.primary_key, "{existing}\n{changes:#?}");
        }
    })
    .await;
}
