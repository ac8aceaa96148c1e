//! The answers of the Admin API, in the shapes they had over time.

use serde::Deserialize;

use super::{ExactRevision, ResolvedDataset};

/// `GET /datasets/{namespace}/{name}/versions/{revision}`, since October 2025.
#[derive(Debug, Deserialize)]
pub(super) struct Revision {
    manifest_hash: String,
    #[serde(default)]
    tables: Vec<Table>,
}

/// `GET /datasets/{name}` and `/datasets/{name}/versions/{version}`, before namespaces.
#[derive(Debug, Deserialize)]
pub(super) struct OldDataset {
    version: String,
    #[serde(default)]
    tables: Vec<Table>,
}

/// A page of `GET /datasets/{name}/versions`, before namespaces: the newest first.
#[derive(Debug, Deserialize)]
pub(super) struct OldVersions {
    pub(super) versions: Vec<String>,
}

/// A table by its name, which is all that servers of today tell, or with more.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Table {
    Name(String),
    Described { name: String },
}

/// An error of the server.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) error_code: String,
    #[serde(default)]
    pub(super) error_message: String,
}

impl From<Revision> for ResolvedDataset {
    fn from(answer: Revision) -> Self {
        let hash = answer.manifest_hash.to_ascii_lowercase();
        Self { revision: ExactRevision::Hash(hash), tables: names(answer.tables) }
    }
}

impl From<OldDataset> for ResolvedDataset {
    fn from(answer: OldDataset) -> Self {
        Self { revision: ExactRevision::Version(answer.version), tables: names(answer.tables) }
    }
}

fn names(tables: Vec<Table>) -> Vec<String> {
    let name = |table| match table {
        Table::Name(name) | Table::Described { name } => name,
    };
    tables.into_iter().map(name).collect()
}
