use std::collections::BTreeSet;

use ampsync_schema::{Ident, TableOptions};
use arrow_schema::{DataType, Field};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::catalog;
use crate::support::{assert_equal, block, down, name, on_each, up};

/// Any text, and often one that is hard to be a name.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::collection::vec(any::<char>(), 0..70).prop_map(String::from_iter),
        "[a-zA-Z\"'. \\\\%$;_]{1,70}",
        prop::sample::select(vec![
            "select", "user", "SELECT", "order", "xmin ", "é", "🦀", "\u{feff}"
        ])
        .prop_map(str::to_owned),
        (60_usize..66, prop::sample::select(vec!["x", "é", "漢", "🦀"]))
            .prop_map(|(bytes, c)| "a".to_owned() + &c.repeat(bytes / c.len())),
    ]
}

/// A few hundred names in one table say the same as a few hundred tables, and sooner.
#[tokio::test]
async fn any_text_is_refused_or_is_the_name_that_postgresql_keeps() {
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(names(), 200);
    let texts: BTreeSet<_> =
        strategy.new_tree(&mut runner).unwrap().current().into_iter().collect();
    let (kept, refused): (Vec<_>, Vec<_>) =
        texts.iter().partition(|text| Ident::new(text.as_str()).is_ok());
    assert!(kept.len() > 80 && refused.len() > 10, "{} {}", kept.len(), refused.len());
    let system = ["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];
    let columns: Vec<_> =
        kept.iter().filter(|text| !system.contains(&text.as_str())).map(|t| t.as_str()).collect();
    let fields = columns.iter().map(|column| Field::new(*column, DataType::Utf8, true));
    let fields = std::iter::once(block()).chain(fields).collect();
    let mut options = TableOptions::default();
    options.primary_key = vec![columns[0].to_owned()];
    for column in &columns {
        // PostgreSQL looks at all indexes of a table with each statement.
        if options.indexes.len() < 40 {
            let mut index = ampsync_schema::IndexOptions::default();
            index.columns = vec![(*column).to_owned()];
            options.indexes.push(index);
        }
        options.columns.entry((*column).to_owned()).or_default().comment =
            Some((*column).to_owned());
    }
    let table = crate::support::table(fields, &options);
    on_each(async |session| {
        up(session, &table.create()).await;
        let found = catalog::read(session, &table.name().to_string()).await;
        let names: Vec<_> =
            found.columns.iter().skip(1).map(|column| column.name.as_str()).collect();
        assert_eq!(names, columns);
        let comments: Vec<_> =
            found.columns.iter().skip(1).filter_map(|column| column.comment.as_deref()).collect();
        assert_eq!(comments, columns);
        // PostgreSQL took every index under the very name it was given.
        for index in table.indexes() {
            assert!(found.indexes.iter().any(|other| other.name == index.name.as_str()));
        }
        assert_equal(session, &table).await;
        down(session, &table.create()).await;
    })
    .await;
}

#[tokio::test]
async fn names_that_differ_only_in_case_or_at_their_end_are_two_names() {
    let long = "é".repeat(30) + "abc";
    let pairs = [("a", "A"), ("from", "FROM"), (long.as_str(), &(long[..62].to_owned() + "d"))];
    let fields = pairs.iter().flat_map(|(a, b)| [*a, *b]);
    let fields = fields.map(|field| Field::new(field, DataType::Utf8, true));
    let fields = std::iter::once(block()).chain(fields).collect();
    let table = crate::support::table(fields, &TableOptions::default());
    on_each(async |session| {
        up(session, &table.create()).await;
        assert_equal(session, &table).await;
    })
    .await;
}

#[tokio::test]
async fn any_text_is_a_table_and_a_schema() {
    let mut runner = TestRunner::deterministic();
    let texts = prop::collection::vec(names(), 40).new_tree(&mut runner).unwrap().current();
    let texts: BTreeSet<_> = texts.into_iter().collect();
    let names: Vec<_> = texts.iter().filter_map(|text| Ident::new(text.as_str()).ok()).collect();
    on_each(async |session| {
        for text in &names {
            let schema = format!("CREATE SCHEMA IF NOT EXISTS {text}");
            if text.as_str().starts_with("pg_") {
                continue;
            }
            session.batch_execute(&schema).await.unwrap();
            let schema = arrow_schema::Schema::new(vec![block()]);
            let name = name(text.as_str(), text.as_str());
            let table = ampsync_schema::Table::from_arrow(name, &schema, "_block_num").unwrap();
            up(session, &table.create()).await;
            assert_equal(session, &table).await;
        }
    })
    .await;
}
