//! The manifest, valid by construction.

use std::path::{Path, PathBuf};

use arrow_schema::{DataType, Fields};

use crate::dataset_ref::DatasetRef;
use crate::names::{DatasetName, Namespace, Revision, TableName};

/// What a config or manifest says of a dataset, with every part checked. Only
/// [`load`](crate::load) makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub(crate) file: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) name: Option<DatasetName>,
    pub(crate) version: Option<Revision>,
    pub(crate) network: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) tables: Vec<Table>,
    pub(crate) functions: Vec<Function>,
    pub(crate) notes: Vec<String>,
}

/// What a file describes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A config as people write it.
    Config,
    /// A manifest that was built from a config: a dataset derived from others by SQL.
    Derived,
    /// The manifest of a dataset that is extracted from a chain, by its kind, such as `evm-rpc`.
    Raw(String),
}

/// A dataset that another one is derived from, by the name its SQL uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub(crate) alias: String,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) name: DatasetName,
    pub(crate) version: Option<String>,
}

/// A table of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub(crate) name: TableName,
    pub(crate) sql: Option<String>,
    pub(crate) columns: Option<Fields>,
}

/// A function that the queries of a dataset can call.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub(crate) name: String,
    pub(crate) input_types: Vec<DataType>,
    pub(crate) output_type: DataType,
    pub(crate) source: String,
    pub(crate) filename: Option<String>,
}

impl Manifest {
    /// The file it was read from, as it was named.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What the file describes.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The dataset, where the file names it: with its version as the revision, where it has one.
    /// Manifests built since October 2025 are nameless.
    #[must_use]
    pub fn dataset(&self) -> Option<DatasetRef> {
        let name = self.name.clone()?;
        Some(DatasetRef::new(self.namespace.clone(), name, self.version.clone()))
    }

    /// The network, where the file names one for all tables.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        self.network.as_deref()
    }

    /// The datasets it is derived from, in the order of the file.
    #[must_use]
    pub fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// The tables, in the order of the file; at least one, each name once, and no two that differ
    /// only in `camelCase` and `snake_case`.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The functions, in the order of the file.
    #[must_use]
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// What was ignored in the file, one sentence each, for a log at debug level.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Dependency {
    /// The name the SQL uses.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// The dataset's namespace, where one was given.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// The dataset's name.
    #[must_use]
    pub fn name(&self) -> &DatasetName {
        &self.name
    }

    /// The revision as the file has it. Files of 2025 may have a requirement such as `^1.0` here.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl Table {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// The query it is derived by; raw tables have none.
    #[must_use]
    pub fn sql(&self) -> Option<&str> {
        self.sql.as_deref()
    }

    /// The columns, where the file tells them. The schema of a stream is the one that counts: a
    /// server may serve other columns than a manifest says, and raw manifests before October
    /// 2025 tell neither order nor nullability (every column then counts as nullable).
    #[must_use]
    pub fn columns(&self) -> Option<&Fields> {
        self.columns.as_ref()
    }
}

impl Function {
    /// The name that queries call it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The types of its arguments.
    #[must_use]
    pub fn input_types(&self) -> &[DataType] {
        &self.input_types
    }

    /// The type of what it returns.
    #[must_use]
    pub fn output_type(&self) -> &DataType {
        &self.output_type
    }

    /// The text of the script that defines it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The file its script was read from, relative to the config, where it was read from one.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }
}
