//! The Admin API: which dataset a reference names at the moment, and which tables it has.
//!
//! A tag such as `latest`, and even a version, can be pointed at something else at any time, so
//! that a stream that is to be continued is better pinned to what the tag was resolved to.
//! [`AdminClient`] resolves it. Servers of all ages are understood; what an old one cannot say
//! is `None`.

mod answer;
mod client;
mod error;

pub use client::{AdminBuilder, AdminClient};
pub use error::AdminError;

/// Which dataset is asked for: what `namespace/name@revision` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetQuery<'a> {
    /// The namespace; servers take `_` for one that is not given.
    pub namespace: Option<&'a str>,
    /// The name.
    pub name: &'a str,
    /// A version, the 64 hex digits of a manifest's hash, `latest` or `dev`; the latest if none
    /// is given.
    pub revision: Option<&'a str>,
}

/// What a dataset is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedDataset {
    /// What names it for good.
    pub revision: ExactRevision,
    /// Its tables, in the server's order.
    pub tables: Vec<String>,
}

/// A revision that stays what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExactRevision {
    /// The hash of its manifest: 64 lower-case hex digits.
    Hash(String),
    /// A version as servers until October 2025 have it, which know neither namespaces nor hashes:
    /// `0.2.0`, or `0.2.0-LTcyNjgzMjc1NA` for each edit of a config under development.
    Version(String),
}
