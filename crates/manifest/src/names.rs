//! The names a server knows datasets and tables by.

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

pub(crate) fn is_dataset_name(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatasetRef;

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
