import { defineDataset, eventQuery, eventTable, eventTableName, camelToSnake } from "nozzl"

const swap = {
  type: "event",
  name: "OrderFilled",
  inputs: [
    { name: "orderHash", type: "bytes32", indexed: true },
    { name: "from", type: "address", indexed: true },
    { name: "legs", type: "tuple[]", components: [
      { name: "token", type: "address" },
      { name: "limits", type: "tuple", components: [{ name: "min", type: "uint256" }, { type: "uint256" }] },
    ] },
  ],
} as const

export default defineDataset(() => ({
  name: camelToSnake("orderBook"),
  tables: {
    [eventTableName(swap)]: eventTable(swap, "base"),
    counted: { sql: `SELECT count(*) FROM (${eventQuery(swap)})` },
    [eventTableName("ApprovalForAll")]: { sql: "SELECT 1" },
  },
}))
