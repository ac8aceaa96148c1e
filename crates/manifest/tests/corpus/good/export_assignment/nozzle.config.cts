import abi = require("./abi.json")
import { camelToSnake } from "nozzl"
export = { name: camelToSnake("exportAssignment"), tables: { t: { sql: `SELECT '${abi.version}'` } } }
