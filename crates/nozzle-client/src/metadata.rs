use serde::Deserialize;
use serde::de::Error as _;
use sync_core::chain::{BlockHash, BlockNum, BlockRange, Network};

use crate::error::Error;

/// The longest name of a network, in bytes.
const NETWORK_BYTES_MAX: usize = 255;

/// What a message says of the blocks that its rows are from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawMetadata")]
pub struct Metadata {
    /// The blocks: one range on a streaming query, none where the server has nothing to stream
    /// yet.
    pub ranges: Vec<BlockRange>,
    /// Whether nothing more follows for these ranges; `None` from servers before October 2025,
    /// which never say.
    pub ranges_complete: Option<bool>,
}

impl Metadata {
    /// Reads a message's `app_metadata` as written by servers of any age; `None` where a message
    /// has none. Keys that are not known are ignored.
    ///
    /// # Errors
    /// [`Error::Metadata`] when it is not what any server is known to send.
    pub fn parse(app_metadata: &[u8]) -> Result<Option<Self>, Error> {
        if app_metadata.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(app_metadata).map(Some).map_err(|source| Error::Metadata {
            text: String::from_utf8_lossy(app_metadata).into_owned(),
            source,
        })
    }
}

/// The metadata as it is on the wire, in all eras.
#[derive(Deserialize)]
struct RawMetadata {
    /// August 2025: one range, or null. The outer `Option` says whether the key is there.
    #[serde(default, deserialize_with = "present")]
    range: Option<Option<RawRange>>,
    /// Since then.
    ranges: Option<Vec<RawRange>>,
    ranges_complete: Option<bool>,
}

fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

#[derive(Deserialize)]
struct RawRange {
    numbers: RawNumbers,
    network: String,
    hash: String,
    prev_hash: Option<String>,
    timestamp: Option<u64>,
}

#[derive(Deserialize)]
struct RawNumbers {
    start: u64,
    end: u64,
}

impl TryFrom<RawMetadata> for Metadata {
    type Error = serde_json::Error;

    fn try_from(raw: RawMetadata) -> Result<Self, serde_json::Error> {
        let ranges = match (raw.range, raw.ranges) {
            (None, Some(ranges)) => ranges,
            (Some(range), None) => range.into_iter().collect(),
            (None, None) => return Err(serde_json::Error::missing_field("ranges")),
            (Some(_), Some(_)) => {
                return Err(serde_json::Error::custom("both `range` and `ranges` are given"));
            }
        };
        let ranges: Result<_, _> = ranges.into_iter().map(BlockRange::try_from).collect();
        Ok(Self { ranges: ranges?, ranges_complete: raw.ranges_complete })
    }
}

impl TryFrom<RawRange> for BlockRange {
    type Error = serde_json::Error;

    fn try_from(raw: RawRange) -> Result<Self, serde_json::Error> {
        if raw.network.is_empty() {
            return Err(serde_json::Error::custom("the network has no name"));
        }
        // It is stored, and sent back in a header: neither takes everything.
        if raw.network.contains('\0') {
            return Err(serde_json::Error::custom("the network's name holds a NUL character"));
        }
        if raw.network.len() > NETWORK_BYTES_MAX {
            return Err(serde_json::Error::custom("the network's name is longer than 255 bytes"));
        }
        let number = |number| BlockNum::try_from(number).map_err(serde_json::Error::custom);
        let hash = |text: String| text.parse::<BlockHash>().map_err(serde_json::Error::custom);
        let range = Self::new(
            Network::new(&raw.network),
            number(raw.numbers.start)?,
            number(raw.numbers.end)?,
            hash(raw.hash)?,
            raw.prev_hash.map(hash).transpose()?,
        );
        Ok(range.map_err(serde_json::Error::custom)?.with_timestamp(raw.timestamp))
    }
}
