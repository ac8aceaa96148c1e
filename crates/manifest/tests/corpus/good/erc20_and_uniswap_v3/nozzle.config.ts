import { defineDataset, eventTables, eventTableName } from "nozzl"
import { erc20Abi } from "./abis/erc20"
import uniswap from "./abis/UniswapV3Pool.json" with { type: "json" }

const prefixed = (prefix: string, tables: Record<string, { sql: string }>) =>
  Object.fromEntries(Object.entries(tables).map(([name, table]) => [`${prefix}_${name}`, table]))

export default defineDataset(() => ({
  name: "defi",
  version: "0.1.0",
  network: process.env.NETWORK || "mainnet",
  dependencies: { mainnet: { owner: "graphprotocol", name: "mainnet", version: "0.1.0" } },
  tables: {
    ...prefixed("erc20", eventTables(erc20Abi, "mainnet")),
    ...prefixed("pool", eventTables(uniswap, "mainnet")),
    [eventTableName({ type: "event", name: "PoolCreated", inputs: [] })]: { sql: "SELECT 1" },
  },
}))
