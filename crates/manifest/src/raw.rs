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
