import abi from "./abi.json"
export default { name: "x", tables: { t: { sql: String(abi) } } }
