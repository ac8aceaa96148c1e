import { defineDataset, eventTables } from "nozzl"
import artifact from "./Counter.json"

export default defineDataset(() => ({
  name: "x",
  tables: eventTables(artifact),
}))
