use std::fmt::Write as _;

use ampsync_manifest::query::{Filter, Names, Selection, StreamQuery, streamable};
use ampsync_manifest::{DatasetRef, TableName};
use expect_test::{Expect, expect};

fn selection(columns: &[&str], filter: &str) -> Selection {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    let filter = Some(filter).filter(|filter| !filter.is_empty());
    Selection::new(columns, filter.map(|filter| Filter::parse(filter).unwrap()))
}

fn of_table(dataset: &str, columns: &[&str], filter: &str) -> String {
    let dataset: DatasetRef = dataset.parse().unwrap();
    let table: TableName = "logs".parse().unwrap();
    selection(columns, filter).of_table(&dataset, &table, "_block_num")
}

#[test]
fn what_asks_for_everything_is_the_query_it_always_was() {
    assert_eq!(of_table("my/eth@1.0.0", &[], ""), r#"SELECT * FROM "my/eth@1.0.0".logs"#);
    let query = StreamQuery { sql: "SELECT _block_num FROM a.b".into(), block_column: "x".into() };
    assert_eq!(Selection::default().of_query(&query), query);
}

#[test]
fn columns_and_rows_are_chosen_by_the_server() {
    for (columns, filter, expected) in [
        (&["to", "From\"x"][..], "", r#"SELECT "_block_num", "to", "From""x" FROM eth.logs"#),
        (&["a", "_block_num"], "", r#"SELECT "a", "_block_num" FROM eth.logs"#),
        (
            &[],
            "value <> '0' -- no dust\n  OR \"from\" IS NULL",
            r#"SELECT * FROM eth.logs WHERE (value <> '0' OR "from" IS NULL)"#,
        ),
        (&["a"], "a > 1", r#"SELECT "_block_num", "a" FROM eth.logs WHERE (a > 1)"#),
    ] {
        assert_eq!(of_table("eth", columns, filter), expected);
    }
    let dataset: DatasetRef = "my/eth@1.0.0".parse().unwrap();
    let old =
        selection(&["a"], "").of_table_by_version(&dataset, &"t".parse().unwrap(), "_block_num");
    assert_eq!(old, r#"SELECT "_block_num", "a" FROM eth__1_0_0.t"#);
}

#[test]
fn the_order_of_columns_can_be_left_out_of_account() {
    let (one, other) = (selection(&["b", "a"], "a > 1"), selection(&["a", "b"], "a > 1"));
    assert_ne!(one, other);
    assert_eq!(one.in_any_order(), other.in_any_order());
}

#[test]
fn what_is_chosen_of_a_query_stays_streamable() {
    let names = Names { own: None, dependencies: &[], functions: &[] };
    let table: TableName = "t".parse().unwrap();
    for sql in [
        "SELECT h FROM \"a@1.0.0\".b",
        "SELECT * FROM \"a@1.0.0\".b WHERE h > 1",
        "WITH x AS (SELECT h FROM \"a@1.0.0\".b) SELECT h FROM x",
        "SELECT h FROM \"a@1.0.0\".b UNION ALL SELECT h FROM \"a@1.0.0\".c",
        "SELECT l.h FROM \"a@1.0.0\".b AS l JOIN \"a@1.0.0\".c AS r ON l.h = r.h",
        "SELECT h, count(*) AS n FROM \"a@1.0.0\".b GROUP BY block_num(), h",
        "SELECT h, block_num() FROM \"a@1.0.0\".b",
        "SELECT h, block_num() AS at FROM \"a@1.0.0\".b",
    ] {
        let query = streamable(&table, sql, &names).unwrap();
        let chosen = selection(&["h"], "h > 1").of_query(&query);
        let again = streamable(&table, &chosen.sql, &names).unwrap();
        assert_eq!(again, chosen, "{sql}");
        assert!(chosen.sql.ends_with(&format!(" FROM ({}) AS q WHERE (h > 1)", query.sql)));
        assert!(chosen.sql.contains(&format!("SELECT \"{}\", ", query.block_column)), "{chosen:?}");
    }
}

fn check(filters: &[&str], expected: Expect) {
    let mut text = String::new();
    for filter in filters {
        match Filter::parse(filter) {
            Ok(filter) => writeln!(text, "{}", filter.sql()).unwrap(),
            Err(problems) => {
                for problem in problems {
                    let at = problem.position();
                    let at = at.map_or("-".to_owned(), |at| format!("{}:{}", at.line, at.column));
                    writeln!(text, "{at}: {} ({})", problem.problem(), problem.remedy()).unwrap();
                }
            }
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn a_filter_is_one_condition_on_a_row() {
    check(
        &[
            "value <> '0'",
            " a = 1\n AND (b IS NOT NULL OR c IN (1, 2)) ;",
            "a > 1; DROP TABLE x",
            "a > 1) OR (b > 2",
            "a > 1 SETTINGS stream = false",
            "a >",
            "",
            "a > 'x",
            "from = 1",
            "a IN (SELECT b FROM c.d)",
            "EXISTS (SELECT 1)",
            "a > (SELECT max(b) FROM c.d)",
            "sum(a) > 1",
            "row_number() OVER (ORDER BY a) = 1",
            "at < now() AND at < current_timestamp AND random() < 0.1",
            "a = $1 OR b = ?",
            "lower(a) = 'x' AND evm_topic('Transfer()') = topic0",
        ],
        expect![[r#"
            value <> '0'
            2:37: the expression ends before ; (write one expression, and nothing else)
            1:6: the expression ends before ; (write one expression, and nothing else)
            1:6: the expression ends before ) (write one expression, and nothing else)
            1:7: the expression ends before SETTINGS (write one expression, and nothing else)
            -: the SQL cannot be read: Expected: an expression, found: EOF (correct the SQL there, or just before)
            -: the SQL cannot be read: Expected: an expression, found: EOF (correct the SQL there, or just before)
            1:5: the SQL cannot be read: Unterminated string literal (correct the SQL there, or just before)
            from = 1
            1:7: a filter cannot ask another query (write a condition on the columns of the row itself)
            1:9: a filter cannot ask another query (write a condition on the columns of the row itself)
            1:6: a filter cannot ask another query (write a condition on the columns of the row itself)
            1:13: max() is made of many rows, and a filter sees one (write a condition on the columns of the row itself)
            1:1: sum() is made of many rows, and a filter sees one (write a condition on the columns of the row itself)
            1:1: a window function cannot be in a filter (write a condition on the columns of the row itself)
            1:6: now() changes, and a replay has to choose the same rows (write a constant)
            1:21: current_timestamp() changes, and a replay has to choose the same rows (write a constant)
            1:43: random() changes, and a replay has to choose the same rows (write a constant)
            1:5: there is nothing to put in this place (write a constant)
            1:15: there is nothing to put in this place (write a constant)
            lower(a) = 'x' AND evm_topic('Transfer()') = topic0
        "#]],
    );
}

#[test]
fn columns_that_a_table_does_not_have_are_found_where_they_stand() {
    let known = |name: &str| ["a", "From", "event", "logs"].contains(&name);
    for (filter, expected) in [
        ("a > 1 AND A > 2 AND \"From\" > 3 AND logs.x > 1", vec![]),
        ("a > 1 AND\n  b > 2 AND From2 > 3", vec![("b", 2, 3), ("from2", 2, 13)]),
        ("\"from\" > 3", vec![("from", 1, 1)]),
        ("event.value > 3 AND event['x'] > 1 AND event['x'].deep > 2", vec![]),
        ("lower(l.c) = 'x'", vec![("c", 1, 7)]),
        ("c['x'].a > 1", vec![("c", 1, 1)]),
        ("CASE WHEN b THEN TRUE ELSE FALSE END", vec![("b", 1, 11)]),
        ("a > INTERVAL '1' DAY AND CAST(b AS BIGINT) > 1", vec![("b", 1, 31)]),
    ] {
        let parsed = Filter::parse(filter).unwrap();
        let found: Vec<_> = parsed
            .unknown(known)
            .map(|(name, at)| (name, at.unwrap().line, at.unwrap().column))
            .collect();
        assert_eq!(found, expected, "{filter}");
    }
}
