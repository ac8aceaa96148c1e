use std::sync::Arc;

use ampsync_schema::{Change, Difference, Ident, QualifiedName, Table, TableOptions};
use ampsync_testkit::postgres::{Session, shared, shared_version};
use arrow_schema::{DataType, Field, IntervalUnit, Schema, TimeUnit};

use crate::catalog;

/// Runs a test in an empty database of each server.
pub(crate) async fn on_each(test: impl AsyncFn(&Session)) {
    let mut clusters = vec![shared().await];
    clusters.extend(shared_version(17).await);
    for cluster in clusters {
        let database = cluster.create_database().await.unwrap();
        test(&cluster.connect(&database).await.unwrap()).await;
    }
}

pub(crate) fn name(schema: &str, table: &str) -> QualifiedName {
    QualifiedName { schema: Ident::new(schema).unwrap(), name: Ident::new(table).unwrap() }
}

pub(crate) fn block() -> Field {
    Field::new("_block_num", DataType::UInt64, true)
}

pub(crate) fn table(fields: Vec<Field>, options: &TableOptions) -> Table {
    let schema = Schema::new(fields);
    Table::with_options(name("public", "logs"), &schema, "_block_num", options).unwrap()
}

pub(crate) async fn execute(session: &Session, statement: &str) {
    let done = session.batch_execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}

pub(crate) async fn up(session: &Session, changes: &[Change]) {
    for change in changes {
        execute(session, &change.up).await;
    }
}

pub(crate) async fn down(session: &Session, changes: &[Change]) {
    for change in changes.iter().rev() {
        execute(session, &change.down).await;
    }
}

/// Asserts that the table that is there now is what is wanted.
pub(crate) async fn assert_equal(session: &Session, wanted: &Table) {
    let existing = catalog::read(session, &wanted.name().to_string()).await;
    let difference = wanted.difference(&existing);
    assert_eq!(difference, Difference::Equal, "{difference}\n{existing:#?}");
}

/// A field of every type that a table can have, with a value in PostgreSQL's own form.
pub(crate) fn every_type() -> Vec<(Field, &'static str)> {
    let scalars = [
        (DataType::Boolean, "true"),
        (DataType::Int16, "1"),
        (DataType::Int32, "1"),
        (DataType::Int64, "1"),
        (DataType::UInt64, "1"),
        (DataType::Decimal128(38, 9), "1"),
        (DataType::Float32, "1"),
        (DataType::Float64, "1"),
        (DataType::Utf8, "x"),
        (DataType::Binary, r"\x00ff"),
        (DataType::Date32, "2026-01-02"),
        (DataType::Time64(TimeUnit::Microsecond), "03:04:05.678901"),
        (DataType::Timestamp(TimeUnit::Microsecond, None), "2026-01-02 03:04:05.678901"),
        (
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "2026-01-02 03:04:05.678901+00",
        ),
        (DataType::Interval(IntervalUnit::MonthDayNano), "1 day"),
    ];
    let record = DataType::Struct(vec![Field::new("a", DataType::Int8, true)].into());
    let list = |item: &DataType| DataType::List(Arc::new(Field::new("item", item.clone(), true)));
    let lists: Vec<_> = scalars.iter().map(|(item, _)| (list(item), "{}")).collect();
    scalars
        .into_iter()
        .chain([(record, "{}")])
        .chain(lists)
        .enumerate()
        .map(|(number, (ty, value))| (Field::new(format!("c{number}"), ty, true), value))
        .collect()
}
