use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::json;
use sync_core::chain::{BlockHash, BlockNum, Cursor, Network};

/// Where a stream resumes: for each network the last block that its reader has completely.
///
/// Prints as the JSON that the server reads: `{"mainnet":{"number":104,"hash":"0x…"}}`, in visible
/// ASCII whatever networks are called, as a header has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumeWatermark {
    networks: BTreeMap<Network, (BlockNum, BlockHash)>,
}

impl ResumeWatermark {
    /// No network at all, which means the earliest block.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the block of the cursor's network.
    pub fn insert(&mut self, cursor: Cursor) {
        self.networks.insert(cursor.network, (cursor.number, cursor.hash));
    }

    /// The block of `network`.
    #[must_use]
    pub fn get(&self, network: &Network) -> Option<Cursor> {
        let &(number, hash) = self.networks.get(network)?;
        Some(Cursor { network: network.clone(), number, hash })
    }

    /// The block of each network, in the order of their names.
    pub fn cursors(&self) -> impl Iterator<Item = Cursor> {
        self.networks.iter().map(|(network, &(number, hash))| Cursor {
            network: network.clone(),
            number,
            hash,
        })
    }

    /// Whether there is no network.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }
}

impl From<Cursor> for ResumeWatermark {
    fn from(cursor: Cursor) -> Self {
        Self::from_iter([cursor])
    }
}

impl FromIterator<Cursor> for ResumeWatermark {
    fn from_iter<I: IntoIterator<Item = Cursor>>(cursors: I) -> Self {
        let mut watermark = Self::new();
        cursors.into_iter().for_each(|cursor| watermark.insert(cursor));
        watermark
    }
}

impl fmt::Display for ResumeWatermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(|(network, (number, hash))| {
            let block = json!({ "number": number.get(), "hash": hash.to_string() });
            (network.to_string(), block)
        });
        let json = serde_json::Value::Object(networks.collect()).to_string();
        for c in json.chars() {
            if matches!(c, ' '..='~') {
                f.write_char(c)?;
            } else {
                // Such a character can only be in a name: numbers, hashes and the syntax are ASCII.
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .try_for_each(|unit| write!(f, "\\u{unit:04x}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(network: &str, number: u32) -> Cursor {
        let network = Network::new(network);
        Cursor { network, number: number.into(), hash: BlockHash([0xab; 32]) }
    }

    #[test]
    fn a_watermark_prints_as_the_server_reads_it() {
        let mut watermark = ResumeWatermark::from(cursor("mainnet", 104));
        watermark.insert(cursor("base", 7));
        watermark.insert(cursor("base", 8));
        let hash = format!("0x{}", "ab".repeat(32));
        let expected = json!({
            "base": { "number": 8, "hash": hash },
            "mainnet": { "number": 104, "hash": hash },
        });
        let printed: serde_json::Value = serde_json::from_str(&watermark.to_string()).unwrap();
        assert_eq!(printed, expected);
        assert_eq!(watermark.cursors().collect::<ResumeWatermark>(), watermark);
        assert_eq!(watermark.get(&Network::new("base")), Some(cursor("base", 8)));
    }
    #[test]
    fn a_watermark_of_any_network_fits_a_header() {
        for name in ["мир", "\u{7f}\n\0", "🦀\u{202e}", "\"}, \\u0041"] {
            let printed = ResumeWatermark::from(cursor(name, 1)).to_string();
            assert!(printed.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{printed}");
            let read: serde_json::Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(read[name]["number"], 1, "{printed}");
        }
    }
}
