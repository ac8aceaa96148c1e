import { defineDataset } from "nozzl"
export default () => defineDataset(() => ({ name: "inner", tables: { t: { sql: "SELECT 1 FROM a.b" } } }))
