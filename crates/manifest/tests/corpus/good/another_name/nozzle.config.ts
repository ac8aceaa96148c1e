import { defineDataset as dataset, camelToSnake as snake } from "@graphprotocol/nozzle"
import * as amp from "@edgeandnode/amp/config"

const names = ["blockCount", "ERC20Transfer", "sqrtPriceX96"].map(snake)
export default dataset(() => ({
  name: amp.camelToSnake("AnotherName"),
  tables: Object.fromEntries(names.map((name) => [name, { sql: `SELECT '${name}'` }])),
}))
