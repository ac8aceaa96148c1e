import abi from "https://example.com/abi.js"
export default { name: "x", tables: abi }
