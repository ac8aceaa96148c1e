import { defineDataset } from "nozzl"

export default defineDataset(() => ({
  name: "broken",
  tables: {
    logs: { sql: "SELECT 1" }
    blocks: { sql: "SELECT 1" },
  },
}))
