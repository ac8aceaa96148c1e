//! How the vocabulary is written in other formats. What is read is checked as if it came from a server.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BlockHash, BlockNum, BlockRange, Ledger, Network};

impl Serialize for BlockNum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

impl<'de> Deserialize<'de> for BlockNum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

impl Serialize for BlockHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlockHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

impl<'de> Deserialize<'de> for BlockRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "BlockRange")]
        struct Unchecked {
            network: Network,
            start: BlockNum,
            end: BlockNum,
            hash: BlockHash,
            prev_hash: Option<BlockHash>,
            timestamp: Option<u64>,
        }
        let read = Unchecked::deserialize(deserializer)?;
        let range = Self::new(read.network, read.start, read.end, read.hash, read.prev_hash);
        Ok(range.map_err(D::Error::custom)?.with_timestamp(read.timestamp))
    }
}

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ranges = Vec::<BlockRange>::deserialize(deserializer)?;
        match ranges.windows(2).find(|pair| pair[0].end() >= pair[1].start()) {
            Some(pair) => {
                let (below, above) = (&pair[0], &pair[1]);
                Err(D::Error::custom(format!("the range {above} does not lie above {below}")))
            }
            None => Ok(ranges.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_reads_back_as_written() {
        let range = |start: u32, end: u32, parent| {
            let (network, hash) = (Network::new("mainnet"), BlockHash([7; 32]));
            BlockRange::new(network, start.into(), end.into(), hash, parent).unwrap()
        };
        let ranges =
            [range(0, 4, None), range(5, 5, Some(BlockHash([1; 32]))).with_timestamp(Some(9))];
        let ledger: Ledger = ranges.into_iter().collect();
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger, "{text}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let range = |network: &str, start: u64, end: u64, hash: &str| {
            format!(r#"{{"network":"{network}","start":{start},"end":{end},"hash":"{hash}"}}"#)
        };
        let hash = format!("0x{}", "ab".repeat(32));
        let good = range("mainnet", 3, 4, &hash);
        serde_json::from_str::<Ledger>(&format!("[{good}]")).unwrap();
        for (ledger, reason) in [
            (format!("[{good},{good}]"), "does not lie above"),
            (format!("[{}]", range("mainnet", 4, 3, &hash)), "before its start"),
            (format!("[{}]", range("mainnet", 3, 1 << 63, &hash)), "is above"),
            (format!("[{}]", range("mainnet", 3, 4, "0xab")), "is not a block hash"),
        ] {
            let error = serde_json::from_str::<Ledger>(&ledger).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
