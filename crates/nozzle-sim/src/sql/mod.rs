//! Just enough SQL: `SELECT` of columns from one table, and the errors the real server gives for
//! the rest.

mod parse;
mod token;

use std::cmp::Ordering;

use tonic::Status;

pub(crate) use parse::parse;

/// A query that could be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) items: Vec<Item>,
    /// What it selects from, where that is not the table itself.
    pub(crate) inner: Option<Box<Query>>,
    /// The dataset reference, as written.
    pub(crate) dataset: String,
    pub(crate) table: String,
    /// What must be true of a row, all of it.
    pub(crate) conditions: Vec<Condition>,
    /// What `SETTINGS stream = ..` says.
    pub(crate) stream: Option<bool>,
    /// The first operation that cannot be streamed.
    pub(crate) non_incremental: Option<&'static str>,
}

impl Query {
    /// The column whose largest value is all that is asked for. Whoever asks so looks where the
    /// head is: scripted faults are not meant for him.
    pub(crate) fn largest(&self) -> Option<&str> {
        match self.items.as_slice() {
            [Item::Max { column, .. }] => Some(column),
            _ => None,
        }
    }
}

/// `column < number`, on a column of integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) column: String,
    /// What the column's value is to be, compared to the number.
    pub(crate) orders: &'static [Ordering],
    pub(crate) number: i128,
}

/// One item of the select list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `*`.
    All,
    /// A column, and its name in the result.
    Column { name: String, output: String },
    /// `block_num()`, and its name in the result.
    BlockNum { output: String },
    /// An aggregate that counts, and its name in the result.
    Count { output: String },
    /// The largest value of a column, and its name in the result.
    Max { column: String, output: String },
}

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqlError {
    /// There is none.
    #[error("invalid query: empty SQL")]
    Empty,
    /// It is not SQL, or more of it than the simulator reads.
    #[error(
        "SQL parse error | Caused by: Invalid SQL syntax -> SQL error: ParserError({0:?}) -> \
         sql parser error: {0}"
    )]
    Syntax(String),
    /// It is SQL, but not what the server allows.
    #[error("failed to infer SQL output schema | Caused by: {0}")]
    Forbidden(String),
    /// It names something that does not exist.
    #[error("failed to infer SQL output schema | Caused by: {0} -> {0}")]
    NotFound(String),
}

impl From<SqlError> for Status {
    fn from(error: SqlError) -> Self {
        let text = error.to_string();
        match error {
            SqlError::Empty | SqlError::Syntax(_) | SqlError::Forbidden(_) => {
                Self::invalid_argument(text)
            }
            SqlError::NotFound(_) => Self::internal(text),
        }
    }
}

/// A dataset reference, `[namespace/]name[@revision]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) revision: &'a str,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let (path, revision) = text.split_once('@').unwrap_or((text, "latest"));
        let (namespace, name) = path.split_once('/').unwrap_or(("_", path));
        Self { namespace, name, revision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(sql: &str) -> SqlError {
        parse(sql).unwrap_err()
    }

    #[test]
    fn every_form_of_a_table_reference_is_read() {
        for (sql, dataset) in [
            ("SELECT * FROM name.t", "name"),
            ("select * from \"name\".t;", "name"),
            ("SELECT * FROM \"ns/name@0.0.1\".T", "ns/name@0.0.1"),
            ("SELECT * FROM \"name@dev\".\"t\" SETTINGS STREAM = true", "name@dev"),
        ] {
            let query = parse(sql).unwrap();
            assert_eq!((query.dataset.as_str(), query.table.as_str()), (dataset, "t"), "{sql}");
        }
        let reference = Reference::new("ns/name@0.0.1");
        assert_eq!(
            (reference.namespace, reference.name, reference.revision),
            ("ns", "name", "0.0.1")
        );
        let reference = Reference::new("name");
        assert_eq!(
            (reference.namespace, reference.name, reference.revision),
            ("_", "name", "latest")
        );
    }

    #[test]
    fn the_suffix_counts_only_with_a_boolean() {
        let stream = |suffix: &str| parse(&format!("SELECT a FROM x.t {suffix}")).unwrap().stream;
        assert_eq!(stream(""), None);
        assert_eq!(stream("SETTINGS stream = true"), Some(true));
        assert_eq!(stream("settings Stream=FALSE"), Some(false));
        assert_eq!(stream("SETTINGS stream = 1"), None);
    }

    #[test]
    fn columns_may_be_quoted_qualified_and_renamed() {
        let query =
            parse("SELECT t.A, \"from\" AS sender, _block_num, block_num() AS b FROM x.y AS t");
        let column = |name: &str, output: &str| Item::Column {
            name: name.to_owned(),
            output: output.to_owned(),
        };
        assert_eq!(
            query.unwrap().items,
            [
                column("a", "a"),
                column("from", "sender"),
                column("_block_num", "_block_num"),
                Item::BlockNum { output: "b".to_owned() },
            ]
        );
    }

    #[test]
    fn a_query_of_a_query_and_conditions_are_read() {
        let query = parse(
            "SELECT b FROM (SELECT _block_num AS b FROM x.y WHERE log_index <> 3) AS t \
             WHERE (t.b >= 7 AND (b < 12))",
        );
        let query = query.unwrap();
        let condition =
            |column: &str, orders, number| Condition { column: column.to_owned(), orders, number };
        assert_eq!(
            query.conditions,
            [
                condition("b", &[Ordering::Greater, Ordering::Equal], 7),
                condition("b", &[Ordering::Less], 12)
            ]
        );
        let inner = query.inner.unwrap();
        assert_eq!(
            inner.conditions,
            [condition("log_index", &[Ordering::Less, Ordering::Greater], 3)]
        );
        assert_eq!((query.dataset.as_str(), query.table.as_str()), ("x", "y"));
    }

    #[test]
    fn a_syntax_error_reads_as_the_real_server_words_it() {
        assert_eq!(
            error("SELEC 1").to_string(),
            "SQL parse error | Caused by: Invalid SQL syntax -> SQL error: \
             ParserError(\"Expected: an SQL statement, found: SELEC at Line: 1, Column: 1\") -> \
             sql parser error: Expected: an SQL statement, found: SELEC at Line: 1, Column: 1"
        );
        assert_eq!(error(" \n"), SqlError::Empty);
        for sql in ["SELECT * FROM a.b; SELECT * FROM a.c", "SELECT FROM a.b", "SELECT 'x"] {
            assert!(matches!(error(sql), SqlError::Syntax(_)), "{sql}");
        }
    }

    #[test]
    fn what_the_server_forbids_is_refused() {
        for sql in [
            "SELECT a AS _x FROM a.b",
            "SELECT a FROM a.b.c",
            "SELECT a FROM b",
            "SELECT a, a FROM a.b",
        ] {
            assert!(matches!(error(sql), SqlError::Forbidden(_)), "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_streamed_is_noticed() {
        let operation = |sql: &str| parse(sql).unwrap().non_incremental;
        assert_eq!(operation("SELECT count(*) AS n FROM a.b"), Some("Aggregate"));
        assert_eq!(operation("SELECT max(x) FROM a.b"), Some("Aggregate"));
        assert_eq!(operation("SELECT * FROM a.b LIMIT 3"), Some("Limit"));
        assert_eq!(operation("SELECT * FROM a.b ORDER BY x DESC, y"), Some("Sort"));
        assert_eq!(operation("SELECT DISTINCT x FROM a.b"), Some("Distinct"));
        assert_eq!(operation("SELECT x FROM a.b"), None);
    }
}
