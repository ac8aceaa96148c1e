import { erc20Abi, missing } from "./abi"
import { eventTabels } from "nozzl"
export default { name: "x", tables: { t: { sql: String(missing) + erc20Abi + eventTabels } } }
