import { defineDataset } from "nozzl"

const event = (event: string) => {
  return `
    SELECT t.block_num, t.timestamp, ${event} AS event
    FROM anvil.logs AS t
  `
}

const transfer = "evm_decode_log(t.topic1, t.topic2, t.topic3, t.data, 'Transfer(address indexed from, address indexed to, uint256 value)')"

/// The counter of the tutorial.
export default defineDataset(() => ({
  name: "counter",
  version: "0.2.0",
  network: "anvil",
  dependencies: {
    anvil: {
      owner: "graphprotocol",
      name: "anvil",
      version: "0.1.0",
    },
  },
  tables: {
    transfers: {
      sql: event(`${transfer}`),
      network: "anvil",
    },
  },
}))
