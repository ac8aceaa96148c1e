use std::net::SocketAddr;

use crate::chain::BlockHash;
use crate::era::Era;
use crate::tables::Table;

/// Everything that makes one simulated server different from another.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Everything random follows from it: hashes, rows, how batches are split.
    pub seed: u64,
    /// The network's name.
    pub network: String,
    /// The namespace of the dataset's reference, `namespace/dataset@version`.
    pub namespace: String,
    /// The dataset's name.
    pub dataset: String,
    /// The dataset's version. `latest`, `dev` and the manifest's hash are revisions of it too.
    pub version: String,
    /// The dataset's tables.
    pub tables: Vec<Table>,
    /// The number of the chain's first block.
    pub first_block: u64,
    /// Whether the dataset was registered; if not, nobody knows it until [`SimServer::register`](crate::SimServer::register).
    pub registered: bool,
    /// Whether the dataset was deployed; if not, streams fail until [`SimServer::deploy`](crate::SimServer::deploy).
    pub deployed: bool,
    /// The most blocks in one range.
    pub microbatch_blocks_max: u64,
    /// The most rows in one batch. Batches are cut at random places below it.
    pub batch_rows_max: usize,
    /// The most bytes in one batch, estimated.
    pub batch_bytes_max: usize,
    /// Whether rows of one block come in a random order.
    pub shuffle: bool,
    /// Whether ranges sometimes begin with a batch without rows.
    pub keep_alives: bool,
    /// The bearer token that every call must carry.
    pub token: Option<String>,
    /// The age of the server.
    pub era: Era,
    /// Where it listens; port 0 takes a free one.
    pub addr: SocketAddr,
}

impl Default for SimConfig {
    /// A server of today with the dataset `_/sim@0.0.1` of network `simnet`, with all four
    /// tables, on a free local port. Its chain is empty.
    fn default() -> Self {
        Self {
            seed: 1,
            network: "simnet".to_owned(),
            namespace: "_".to_owned(),
            dataset: "sim".to_owned(),
            version: "0.0.1".to_owned(),
            tables: vec![Table::blocks(), Table::logs(), Table::transactions(), Table::sparse()],
            first_block: 0,
            registered: true,
            deployed: true,
            microbatch_blocks_max: 1000,
            batch_rows_max: 8192,
            batch_bytes_max: 2 << 20,
            shuffle: true,
            keep_alives: true,
            token: None,
            era: Era::HEAD,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

impl SimConfig {
    /// The reference of the dataset as SQL writes it, without the quotes:
    /// `namespace/name@version`.
    #[must_use]
    pub fn dataset_ref(&self) -> String {
        format!("{}/{}@{}", self.namespace, self.dataset, self.version)
    }

    /// The hash by which the dataset's first manifest can be named as a revision: 64 hex digits.
    #[must_use]
    pub fn manifest_hash(&self) -> String {
        self.manifest_hash_after(0)
    }

    /// The hash of its manifest after so many changes.
    pub(super) fn manifest_hash_after(&self, changes: u64) -> String {
        let hash = BlockHash::derive(self.seed, u64::MAX, u64::MAX - changes);
        hex::encode(hash.0)
    }

    /// A dataset config for the server's tables, in the JSON form of `nozzle.config.json`.
    #[must_use]
    pub fn manifest_json(&self) -> String {
        let table = |table: &Table| {
            let sql = format!("SELECT * FROM sim.{}", table.name());
            (table.name().to_owned(), serde_json::json!({ "sql": sql }))
        };
        let tables: serde_json::Map<_, _> = self.tables.iter().map(table).collect();
        let manifest = serde_json::json!({
            "namespace": self.namespace,
            "name": self.dataset,
            "version": self.version,
            "network": self.network,
            "dependencies": { "sim": self.dataset_ref() },
            "tables": tables,
        });
        format!("{manifest:#}\n")
    }

    /// The same config as people write it, `nozzle.config.ts`: with an import, a helper and
    /// templates.
    #[must_use]
    pub fn config_ts(&self) -> String {
        let Self { namespace, dataset, version, network, .. } = self;
        let row = |table: &Table| format!("    {0}: {{ sql: all(\"{0}\") }},\n", table.name());
        let tables: String = self.tables.iter().map(row).collect();
        format!(
            "import {{ defineDataset }} from \"nozzl\";\n\
             \n\
             const source = \"sim\";\n\
             \n\
             // Everything that a table of the source has.\n\
             const all = (table: string) => {{\n\
             \x20 const from = `FROM ${{source}}.${{table}}`;\n\
             \x20 return `SELECT * ${{from}}`;\n\
             }};\n\
             \n\
             export default defineDataset(() => ({{\n\
             \x20 namespace: \"{namespace}\",\n\
             \x20 name: \"{dataset}\",\n\
             \x20 version: \"{version}\",\n\
             \x20 network: \"{network}\",\n\
             \x20 dependencies: {{ [source]: \"{reference}\" }},\n\
             \x20 tables: {{\n{tables}\x20 }},\n\
             }}));\n",
            reference = self.dataset_ref(),
        )
    }
}
