//! What a server of some age leaves out, and the metadata JSON it writes.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::chain::Range;

/// The differences on the wire between servers of different ages, each a switch of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Era {
    /// The header that carries the cursor.
    pub resume: ResumeHeader,
    /// Whether the header `amp-stream` is read.
    pub stream_header: bool,
    /// The shape of the metadata on a streaming query.
    pub metadata: MetadataShape,
    /// Whether a range ends in a completion message. Without it there are no keep-alives either,
    /// and a range without rows sends no message at all.
    pub completion: bool,
    /// How the parent of a range's first block is written.
    pub prev_hash: PrevHash,
    /// Whether a range carries its last block's timestamp.
    pub timestamp: bool,
    /// Whether the metadata has keys that no client knows.
    pub extra_keys: bool,
    /// The answer where there is no data yet.
    pub empty: EmptyReply,
    /// Whether a batch query has metadata and a completion message.
    pub batch_metadata: bool,
    /// The shape of the Admin API, and how SQL names a version.
    pub admin: AdminShape,
}

/// The shape of the Admin API, and how SQL names a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminShape {
    /// Datasets have namespaces and manifest hashes: `"namespace/name@revision".table`.
    Namespaced,
    /// Datasets have versions alone: `name__0_0_1.table`.
    Unnamespaced,
}

/// The header that carries the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeHeader {
    /// `amp-resume`.
    Amp,
    /// `nozzle-resume`.
    Nozzle,
    /// The server cannot resume.
    Unsupported,
}

/// The shape of the metadata on a streaming query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataShape {
    /// `{"ranges": [..]}`.
    Ranges,
    /// `{"range": {..}}`.
    Range,
    /// None at all.
    Absent,
}

/// How the parent of a range's first block is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrevHash {
    /// As a hash.
    Present,
    /// As `null`.
    Null,
    /// Not at all.
    Absent,
}

/// The answer to a streaming query where there is no data yet. The stream then ends cleanly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyReply {
    /// Schema and one batch without rows, `{"ranges":[],"ranges_complete":true}`.
    Batch,
    /// Only the schema.
    Schema,
    /// No message.
    Nothing,
}

impl Era {
    /// The server of March 2026.
    pub const HEAD: Self = Self {
        resume: ResumeHeader::Amp,
        stream_header: true,
        metadata: MetadataShape::Ranges,
        completion: true,
        prev_hash: PrevHash::Present,
        timestamp: true,
        extra_keys: false,
        empty: EmptyReply::Batch,
        batch_metadata: true,
        admin: AdminShape::Namespaced,
    };
    /// The server of mid October 2025: completion messages, but no `amp-stream` and no
    /// namespaces.
    pub const OCTOBER_2025: Self = Self {
        admin: AdminShape::Unnamespaced,
        stream_header: false,
        timestamp: false,
        empty: EmptyReply::Schema,
        batch_metadata: false,
        ..Self::HEAD
    };
    /// The server of September 2025: `ranges` without completion, resumed by `nozzle-resume`.
    pub const SEPTEMBER_2025: Self = Self {
        resume: ResumeHeader::Nozzle,
        completion: false,
        empty: EmptyReply::Nothing,
        ..Self::OCTOBER_2025
    };
    /// The server of 20 to 25 August 2025: `range`, and no way to resume.
    pub const AUGUST_2025: Self = Self {
        resume: ResumeHeader::Unsupported,
        metadata: MetadataShape::Range,
        prev_hash: PrevHash::Null,
        ..Self::SEPTEMBER_2025
    };
    /// The server of May to August 2025: rows and nothing else.
    pub const MAY_2025: Self = Self { metadata: MetadataShape::Absent, ..Self::AUGUST_2025 };

    pub(crate) fn resume_header(&self) -> Option<&'static str> {
        match self.resume {
            ResumeHeader::Amp => Some("amp-resume"),
            ResumeHeader::Nozzle => Some("nozzle-resume"),
            ResumeHeader::Unsupported => None,
        }
    }

    /// The metadata of a message about `ranges`, each with its network.
    pub(crate) fn metadata(&self, ranges: &[(&str, Range)], complete: bool) -> Bytes {
        let mut ranges: Vec<Value> =
            ranges.iter().map(|(network, range)| self.range(network, range)).collect();
        let mut object = Map::new();
        match self.metadata {
            MetadataShape::Absent => return Bytes::new(),
            MetadataShape::Range => _ = object.insert("range".into(), ranges.pop().into()),
            MetadataShape::Ranges => _ = object.insert("ranges".into(), ranges.into()),
        }
        if self.completion {
            object.insert("ranges_complete".into(), complete.into());
        }
        if self.extra_keys {
            object.insert("server".into(), json!({"name": "nozzle-sim", "tags": [1, null]}));
        }
        Value::from(object).to_string().into()
    }

    fn range(&self, network: &str, range: &Range) -> Value {
        let mut value = json!({
            "network": network,
            "numbers": {"start": range.start, "end": range.end},
            "hash": range.hash,
        });
        match self.prev_hash {
            PrevHash::Present => value["prev_hash"] = json!(range.prev_hash),
            PrevHash::Null => value["prev_hash"] = Value::Null,
            PrevHash::Absent => {}
        }
        if self.timestamp {
            value["timestamp"] = range.timestamp.into();
        }
        if self.extra_keys {
            value["finality"] = "unsafe".into();
        }
        value
    }
}

impl Default for Era {
    fn default() -> Self {
        Self::HEAD
    }
}
