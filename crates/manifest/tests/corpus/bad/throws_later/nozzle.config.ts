import { defineDataset } from "nozzl"
import { tables } from "./tables"
export default defineDataset(async () => ({ name: "x", tables: await tables() }))
