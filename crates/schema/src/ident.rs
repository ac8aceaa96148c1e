use std::fmt;
use std::str::FromStr;

use crate::sql::quote_ident;

/// The longest identifier PostgreSQL keeps, in bytes; it would cut a longer one in silence.
pub(crate) const BYTES_MAX: usize = 63;

/// A PostgreSQL identifier. [`Display`](fmt::Display) writes it quoted, ready for SQL, so upper
/// case, spaces and reserved words are all fine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident(String);

/// Why a text cannot be an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdent {
    /// It is empty.
    #[error("an identifier cannot be empty")]
    Empty,
    /// It holds a NUL character.
    #[error("identifier {0:?} holds a NUL character")]
    Nul(String),
    /// PostgreSQL would cut it.
    #[error("identifier {name:?} has {bytes} bytes, PostgreSQL keeps 63")]
    TooLong {
        /// The text.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
}

impl Ident {
    /// The identifier `name`, taken literally.
    ///
    /// # Errors
    /// When PostgreSQL could not keep the name as it is.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidIdent> {
        let name = name.into();
        if name.is_empty() {
            Err(InvalidIdent::Empty)
        } else if name.contains('\0') {
            Err(InvalidIdent::Nul(name))
        } else if name.len() > BYTES_MAX {
            Err(InvalidIdent::TooLong { bytes: name.len(), name })
        } else {
            Ok(Self(name))
        }
    }

    /// The name, not quoted: for messages and for query parameters, never for SQL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ident {
    type Err = InvalidIdent;

    fn from_str(name: &str) -> Result<Self, InvalidIdent> {
        Self::new(name)
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_ident(&self.0))
    }
}

/// The name of a table in a schema. [`Display`](fmt::Display) writes it quoted, ready for SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    /// The schema.
    pub schema: Ident,
    /// The table.
    pub name: Ident,
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_keeps_every_name_as_it_is() {
        for (name, quoted) in [
            ("logs", r#""logs""#),
            ("From", r#""From""#),
            (r#"a"b"#, r#""a""b""#),
            ("x; DROP TABLE y --", r#""x; DROP TABLE y --""#),
        ] {
            assert_eq!(Ident::new(name).unwrap().to_string(), quoted);
        }
    }

    #[test]
    fn a_name_postgresql_would_change_is_refused() {
        assert_eq!(Ident::new(""), Err(InvalidIdent::Empty));
        assert!(matches!(Ident::new("a\0b"), Err(InvalidIdent::Nul(_))));
        assert!(Ident::new("ä".repeat(31)).is_ok());
        assert!(matches!(Ident::new("ä".repeat(32)), Err(InvalidIdent::TooLong { bytes: 64, .. })));
    }

    #[test]
    fn a_qualified_name_quotes_both_parts() {
        let name = QualifiedName {
            schema: Ident::new("my.schema").unwrap(),
            name: Ident::new("t").unwrap(),
        };
        assert_eq!(name.to_string(), r#""my.schema"."t""#);
    }
}
