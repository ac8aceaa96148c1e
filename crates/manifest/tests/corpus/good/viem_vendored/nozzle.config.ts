import { defineDataset } from "nozzl"
import { keccak256, toHex } from "viem"

const topic = (signature: string) => keccak256(toHex(signature)).slice(2)

export default defineDataset(() => ({
  name: "hashes",
  version: "0.1.0",
  network: "mainnet",
  dependencies: { mainnet: { owner: "x", name: "mainnet", version: "0.1.0" } },
  tables: {
    transfers: { sql: `SELECT * FROM mainnet.logs WHERE topic0 = x'${topic("Transfer(address,address,uint256)")}'` },
    empty: { sql: `SELECT x'${keccak256("0x").slice(2)}'` },
  },
}))
