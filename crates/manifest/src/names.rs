//! The names a server knows datasets and tables by, and the query that names one.

use std::fmt;
use std::str::FromStr;

/// A text that is not a name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {what}: expected {expected}")]
pub struct InvalidName {
    /// What was given, shortened when long.
    pub given: String,
    /// What it should be, such as "a table name".
    pub what: &'static str,
    /// The rule.
    pub expected: &'static str,
}

impl InvalidName {
    fn new(given: &str, what: &'static str, expected: &'static str) -> Self {
        Self { given: given.chars().take(80).collect(), what, expected }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                if $valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName::new(text, $what, $expected))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a dataset: `[a-z_][a-z0-9_]*`.
    DatasetName,
    "a dataset name",
    "lower-case letters, digits and _, not starting with a digit",
    is_dataset_name
);
name!(
    /// The namespace of a dataset: `[a-z0-9_]+`.
    Namespace,
    "a namespace",
    "lower-case letters, digits and _",
    is_namespace
);
name!(
    /// The name of a table: `[A-Za-z_][A-Za-z0-9_$]{0,62}`.
    TableName,
    "a table name",
    "at most 63 letters, digits, _ and $, not starting with a digit or $",
    is_table_name
);
name!(
    /// Which state of a dataset: a version such as `1.0.0`, the 64 hex digits of a manifest's
    /// hash, `latest` or `dev`.
    Revision,
    "a revision",
    "a version such as 1.0.0, a manifest hash of 64 hex digits, latest or dev",
    is_revision
);

fn is_dataset_name(text: &str) -> bool {
    is_namespace(text) && !text.starts_with(|first: char| first.is_ascii_digit())
}

fn is_namespace(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && text.chars().all(plain)
}

fn is_table_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.len() <= 63
        && text.starts_with(first)
        && text.chars().all(|c| first(c) || c.is_ascii_digit() || c == '$')
}

fn is_revision(text: &str) -> bool {
    let hash = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    hash || text == "latest" || text == "dev" || is_version(text)
}

/// `1.2.3`, with or without a `-pre.release` and `+build`.
pub(crate) fn is_version(text: &str) -> bool {
    let tail = |tail: &str| {
        !tail.is_empty() && tail.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    };
    let (text, build) = text.split_once('+').map_or((text, None), |(v, b)| (v, Some(b)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(v, p)| (v, Some(p)));
    let number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(tail)
        && build.is_none_or(tail)
}

/// `camelCase` and `PascalCase` as `snake_case`, as the `camelToSnake` of configs has it.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, &char) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| chars.get(before));
        let after = chars.get(index + 1);
        let begins = char.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if begins {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

/// Names a dataset as a server does: `namespace/name@revision`, of which only the name must be
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DatasetRef {
    namespace: Option<Namespace>,
    name: DatasetName,
    revision: Option<Revision>,
}

impl DatasetRef {
    /// The dataset of that name.
    #[must_use]
    pub fn new(
        namespace: Option<Namespace>,
        name: DatasetName,
        revision: Option<Revision>,
    ) -> Self {
        Self { namespace, name, revision }
    }

    /// The namespace, where one was given; a server takes `_` for one that was not.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &DatasetName {
        &self.name
    }

    /// The revision, where one was given; a server takes the latest for one that was not.
    #[must_use]
    pub fn revision(&self) -> Option<&Revision> {
        self.revision.as_ref()
    }

    /// The query for all of a table of this dataset, as a server reads it.
    ///
    /// The same reference and table always give the same text, which is part of what a
    /// checkpoint remembers.
    #[must_use]
    pub fn select_all(&self, table: &TableName) -> String {
        format!("SELECT * FROM {}.{}", self.quoted(), quoted(table.as_str()))
    }

    /// The reference as a query writes it: in quotes where it would be read as something else.
    #[must_use]
    pub fn quoted(&self) -> String {
        quoted(&self.to_string())
    }

    /// The same dataset at this revision.
    #[must_use]
    pub fn at(&self, revision: Revision) -> Self {
        Self { revision: Some(revision), ..self.clone() }
    }
}

impl fmt::Display for DatasetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With a revision the reference is written in full, so that `name@1.0.0` and
        // `_/name@1.0.0`, which a server takes for the same, are the same here. Without one it
        // stays as it was: a bare name is all that servers before revisions understand.
        match (&self.namespace, &self.revision) {
            (Some(namespace), _) => write!(f, "{namespace}/")?,
            (None, Some(_)) => f.write_str("_/")?,
            (None, None) => {}
        }
        write!(f, "{}", self.name)?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

impl FromStr for DatasetRef {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (rest, revision) =
            text.split_once('@').map_or((text, None), |(rest, revision)| (rest, Some(revision)));
        let (namespace, name) =
            rest.split_once('/').map_or((None, rest), |(space, name)| (Some(space), name));
        Ok(Self {
            namespace: namespace.map(str::parse).transpose()?,
            name: name.parse()?,
            revision: revision.map(str::parse).transpose()?,
        })
    }
}

/// Words that SQL parsers may not take for a name. A word too many does no harm: quoting a
/// lower-case name does not change it.
const RESERVED: [&str; 60] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "column",
    "cross",
    "current",
    "default",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "filter",
    "following",
    "for",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "into",
    "is",
    "join",
    "lateral",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "right",
    "row",
    "select",
    "settings",
    "table",
    "then",
    "true",
    "union",
    "user",
    "using",
    "where",
];

/// `name` as an identifier of a query: as it is where that means the same, otherwise in quotes.
pub(crate) fn quoted(name: &str) -> String {
    if is_dataset_name(name) && !RESERVED.contains(&name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(dataset: &str, table: &str) -> String {
        dataset.parse::<DatasetRef>().unwrap().select_all(&table.parse().unwrap())
    }

    #[test]
    fn a_query_quotes_what_would_not_be_read_as_written() {
        assert_eq!(query("eth", "logs"), "SELECT * FROM eth.logs");
        assert_eq!(query("order", "group"), r#"SELECT * FROM "order"."group""#);
        assert_eq!(query("my/eth", "logs"), r#"SELECT * FROM "my/eth".logs"#);
        assert_eq!(query("my/eth@1.0.0", "Logs"), r#"SELECT * FROM "my/eth@1.0.0"."Logs""#);
        assert_eq!(query("eth@latest", "a$b"), r#"SELECT * FROM "_/eth@latest"."a$b""#);
    }

    #[test]
    fn a_reference_with_a_revision_is_the_same_with_and_without_the_default_namespace() {
        let short: DatasetRef = "eth@1.0.0".parse().unwrap();
        assert_eq!(short.to_string(), "_/eth@1.0.0");
        let full: DatasetRef = short.to_string().parse().unwrap();
        assert_eq!(full.to_string(), short.to_string());
    }

    #[test]
    fn a_name_in_snake_case_has_its_words_apart() {
        for (camel, snake) in [
            ("Transfer", "transfer"),
            ("approvalForAll", "approval_for_all"),
            ("ERC20Transfer", "erc20_transfer"),
            ("sqrtPriceX96", "sqrt_price_x96"),
            ("amount0Out", "amount0_out"),
            ("tokenURI", "token_uri"),
            ("_from", "_from"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(snake_case(camel), snake);
        }
    }

    #[test]
    fn names_keep_to_their_patterns() {
        let hash = "0aF".repeat(21) + "0";
        for good in ["1.0.0", "0.2.0-LTcyNjgzMjc1NA", "1.0.0-rc.1+b2", "latest", "dev", &hash] {
            assert!(good.parse::<Revision>().is_ok(), "{good}");
        }
        for bad in ["", "1", "1.0", "1.0.0.0", "1.0.x", "1.0.0-", "main", &hash[1..], "1.0.0 "] {
            assert!(bad.parse::<Revision>().is_err(), "{bad}");
        }
        for bad in ["", "1eth", "Eth", "e-th", "eth/", "/eth", "eth@", "a/b/c", "ä", "a@1.0.0@dev"]
        {
            assert!(bad.parse::<DatasetRef>().is_err(), "{bad}");
        }
        assert!("1/eth".parse::<DatasetRef>().is_ok());
        assert!("a".repeat(63).parse::<TableName>().is_ok());
        let long = "a".repeat(64);
        for bad in ["", "1a", "$a", "a-b", "a.b", "ä", long.as_str()] {
            assert!(bad.parse::<TableName>().is_err(), "{bad}");
        }
    }
}
