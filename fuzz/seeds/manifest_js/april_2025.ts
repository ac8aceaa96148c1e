import { defineDataset } from "@nozzle/cli"

export default defineDataset(() => ({
  name: "example",
  version: "0.1.0",
  dependencies: {
    mainnet: { owner: "graphprotocol", name: "mainnet", version: "0.1.0" },
  },
  tables: {
    blocks: { sql: `SELECT hash, parent_hash FROM mainnet.blocks` },
  },
}))
