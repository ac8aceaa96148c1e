//! How a dataset is named, and the query for all of one of its tables.

use std::fmt;
use std::str::FromStr;

use crate::names::{DatasetName, InvalidName, Namespace, Revision, TableName};
use crate::quoted::quoted;

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
}
