import { defineDataset } from "nozzl"
import { tables } from "./sub/tables"
declare const require: (path: string) => any
const { name } = require("./names.json")
export default defineDataset(() => ({ name, tables }))
