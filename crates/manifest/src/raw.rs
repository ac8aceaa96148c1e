//! The file as it is written: the keys that matter, and nothing known of their values yet.
//!
//! Values stay slices of the text until they are checked, so that a problem with any of them can
//! tell its line and column, and one problem does not hide the next. Keys that are not here are
//! ignored, as servers do.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

type Value<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
pub(crate) struct RawManifest<'a> {
    #[serde(borrow)]
    pub(crate) kind: Value<'a>,
    pub(crate) namespace: Value<'a>,
    pub(crate) name: Value<'a>,
    pub(crate) version: Value<'a>,
    pub(crate) network: Value<'a>,
    pub(crate) dependencies: Value<'a>,
    pub(crate) tables: Value<'a>,
    /// Raw manifests before October 2025: table → column → type.
    pub(crate) schema: Value<'a>,
    pub(crate) functions: Value<'a>,
    pub(crate) readme: Value<'a>,
    pub(crate) repository: Value<'a>,
    pub(crate) description: Value<'a>,
    pub(crate) license: Value<'a>,
    pub(crate) keywords: Value<'a>,
    pub(crate) sources: Value<'a>,
    pub(crate) private: Value<'a>,
    #[serde(alias = "start_block")]
    #[serde(rename = "startBlock")]
    pub(crate) start_block: Value<'a>,
    pub(crate) finalized_blocks_only: Value<'a>,
}

impl RawManifest<'_> {
    /// Every key of any period.
    pub(crate) const KEYS: [&'static str; 19] = [
        "kind",
        "namespace",
        "name",
        "version",
        "network",
        "dependencies",
        "tables",
        "schema",
        "functions",
        "readme",
        "repository",
        "description",
        "license",
        "keywords",
        "sources",
        "private",
        "startBlock",
        "start_block",
        "finalized_blocks_only",
    ];
}

/// `"alias": {"owner": "x", "name": "eth", "version": "1.0.0"}`, until October 2025.
#[derive(Deserialize)]
pub(crate) struct RawDependency<'a> {
    #[serde(borrow)]
    pub(crate) name: Value<'a>,
    #[serde(alias = "version-req")]
    pub(crate) version: Value<'a>,
}

#[derive(Deserialize)]
pub(crate) struct RawTable<'a> {
    /// Of a config.
    #[serde(borrow)]
    pub(crate) sql: Value<'a>,
    /// Of a built manifest.
    pub(crate) input: Value<'a>,
    pub(crate) schema: Value<'a>,
}

/// `"network"` is a leftover of older servers.
impl RawTable<'_> {
    pub(crate) const KEYS: [&'static str; 4] = ["sql", "input", "schema", "network"];
}

#[derive(Deserialize)]
pub(crate) struct RawFunction<'a> {
    #[serde(borrow, rename = "inputTypes")]
    pub(crate) input_types: Value<'a>,
    #[serde(rename = "outputType")]
    pub(crate) output_type: Value<'a>,
    pub(crate) source: Value<'a>,
}

impl RawFunction<'_> {
    pub(crate) const KEYS: [&'static str; 4] = ["name", "inputTypes", "outputType", "source"];
}

#[derive(Deserialize)]
pub(crate) struct RawFunctionSource<'a> {
    #[serde(borrow)]
    pub(crate) source: Value<'a>,
    pub(crate) filename: Value<'a>,
}

#[derive(Deserialize)]
pub(crate) struct RawInput<'a> {
    #[serde(borrow)]
    pub(crate) sql: Value<'a>,
}

#[derive(Deserialize)]
pub(crate) struct RawSchema<'a> {
    #[serde(borrow)]
    pub(crate) arrow: Value<'a>,
}

#[derive(Deserialize)]
pub(crate) struct RawArrow<'a> {
    #[serde(borrow)]
    pub(crate) fields: Value<'a>,
}

/// A column says `type`, a field inside of one `data_type`.
#[derive(Deserialize)]
pub(crate) struct RawField<'a> {
    #[serde(borrow)]
    pub(crate) name: Value<'a>,
    #[serde(alias = "data_type")]
    pub(crate) r#type: Value<'a>,
    pub(crate) nullable: Value<'a>,
}

/// An object whose keys are names: in the order of the file, with those that come twice.
pub(crate) struct Entries<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<'a>(PhantomData<&'a ()>);

impl<'de> Visitor<'de> for EntriesVisitor<'de> {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}
