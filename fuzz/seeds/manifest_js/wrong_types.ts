import { defineDataset } from "nozzl"

const logs = { sql: 5 }

export default defineDataset(() => ({
  name: "Wrong-Types",
  version: 1,
  network: ["mainnet"],
  keywords: "one, two",
  private: "yes",
  dependencies: {
    mainnet: { name: "Main Net" },
    "1st": "eth",
  },
  tables: {
    logs,
    blocks: "SELECT 1",
    "has space": { sql: "SELECT 1" },
    missing: {},
    blank: { sql: "" },
    _hidden: { sql: "SELECT 1" },
    ...{ computed: { sql: true } },
  },
  functions: {
    f: { inputTypes: ["Text"], outputType: "Utf8" },
  },
}))
