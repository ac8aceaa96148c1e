use arrow_schema::{DataType, Field};
use proptest::prelude::*;

use super::*;
use crate::options::{IndexOptions, TableOptions};
use crate::table::tests::{block, with_options};

fn wanted() -> Table {
    let fields = vec![
        block(),
        Field::new("a", DataType::Binary, true),
        Field::new("b", DataType::Int64, false),
        Field::new("c", DataType::Utf8, true),
    ];
    let mut options = TableOptions { primary_key: vec!["b".to_owned()], ..TableOptions::default() };
    options.columns.entry("c".to_owned()).or_default().ty = Some(crate::ColumnType::Jsonb);
    options.columns.entry("a".to_owned()).or_default().comment = Some("bytes".to_owned());
    options.indexes.push(IndexOptions {
        columns: vec!["c".to_owned()],
        method: IndexMethod::Gin,
        ..IndexOptions::default()
    });
    with_options(fields, &options).unwrap()
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let names = ["_block_num", "a", "b", "c", "d"].map(str::to_owned).to_vec();
    prop::sample::subsequence(names, 0..=5).prop_shuffle()
}

fn existing() -> impl Strategy<Value = ExistingTable> {
    let types = ["bigint", "bytea", "text", "jsonb", "boolean", "uuid", "text[]", "numeric"];
    let column = (prop::sample::select(types.to_vec()), any::<[bool; 3]>());
    let columns = (names(), prop::collection::vec(column, 5));
    let methods = prop::sample::select(vec!["btree", "gin", "hash", "gist"]);
    let index = (names(), methods, any::<[bool; 2]>());
    let indexes = prop::collection::vec(index, 0..3);
    (columns, names(), indexes).prop_map(|((names, columns), key, indexes)| {
        let columns = names.iter().zip(columns).map(|(name, (ty, flags))| ExistingColumn {
            name: name.clone(),
            ty: ty.to_owned(),
            nullable: flags[0] && !key.contains(name),
            has_default: flags[1],
            generated: flags[2],
            comment: None,
        });
        let there = |key: Vec<String>| key.into_iter().filter(|k| names.contains(k)).collect();
        let indexes = indexes.into_iter().enumerate().map(|(number, (key, method, flags))| {
            let [unique, whole] = flags;
            let (name, method) = (format!("index{number}"), method.to_owned());
            ExistingIndex { name, columns: there(key), method, unique, whole }
        });
        let columns = columns.collect();
        let indexes = indexes.collect();
        let primary_key = there(key.clone());
        ExistingTable { columns, primary_key, indexes, ..ExistingTable::default() }
    })
}

proptest! {
    #[test]
    fn what_is_left_by_the_changes_is_equal(existing in existing()) {
        let wanted = wanted();
        let mut comparison = Comparison::new(&wanted, &existing);
        let steps = comparison.steps();
        prop_assert_eq!(wanted.difference(&comparison.now), Difference::Equal);
        prop_assert_eq!(steps.0.is_empty() && steps.1.is_empty(),
            wanted.difference(&existing) == Difference::Equal);
    }
}

#[test]
fn an_index_that_is_not_whole_or_not_unique_enough_does_not_count() {
    let wanted = wanted();
    let mut existing = ExistingTable::default();
    let mut comparison = Comparison::new(&wanted, &existing);
    comparison.steps();
    existing = comparison.now;
    assert_eq!(wanted.difference(&existing), Difference::Equal);
    existing.indexes[0].whole = false;
    assert!(
        matches!(&wanted.difference(&existing), Difference::Additive(changes) if changes.len() == 1)
    );
}
