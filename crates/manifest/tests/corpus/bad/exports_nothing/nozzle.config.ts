import { defineDataset } from "nozzl"
export default defineDataset(() => {
  ({ name: "x", tables: {} })
})
