//! The options file: what it asks for is what becomes of a table, and what it cannot ask for is
//! told before anything is begun.

mod mistakes;
mod tables;

use std::path::{Path, PathBuf};

/// A folder with files in it, which goes when it is dropped.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// A manifest as it is built, for the simulated `logs` and a table of tokens.
pub(crate) const BUILT: &str = r#"{
  "kind": "manifest",
  "dependencies": {"sim": "_/sim@0.0.1"},
  "tables": {
    "logs": {
      "input": {"sql": "SELECT * FROM sim.logs"},
      "schema": {"arrow": {"fields": [
        {"name": "block_hash", "type": {"FixedSizeBinary": 32}, "nullable": false},
        {"name": "block_num", "type": "UInt64", "nullable": false},
        {"name": "timestamp", "type": {"Timestamp": ["Nanosecond", "+00:00"]}, "nullable": false},
        {"name": "tx_hash", "type": {"FixedSizeBinary": 32}, "nullable": false},
        {"name": "tx_index", "type": "UInt32", "nullable": false},
        {"name": "log_index", "type": "UInt32", "nullable": false},
        {"name": "address", "type": {"FixedSizeBinary": 20}, "nullable": false},
        {"name": "topic0", "type": {"FixedSizeBinary": 32}, "nullable": true},
        {"name": "topic1", "type": {"FixedSizeBinary": 32}, "nullable": true},
        {"name": "topic2", "type": {"FixedSizeBinary": 32}, "nullable": true},
        {"name": "topic3", "type": {"FixedSizeBinary": 32}, "nullable": true},
        {"name": "data", "type": "Binary", "nullable": false}
      ]}},
      "network": "mainnet"
    },
    "transfers": {
      "input": {"sql": "SELECT * FROM sim.transfers"},
      "schema": {"arrow": {"fields": [
        {"name": "_block_num", "type": "UInt64", "nullable": false},
        {"name": "from", "type": {"FixedSizeBinary": 20}, "nullable": false},
        {"name": "to", "type": {"FixedSizeBinary": 20}, "nullable": false},
        {"name": "value", "type": "Utf8", "nullable": true}
      ]}},
      "network": "mainnet"
    }
  },
  "functions": {}
}"#;
