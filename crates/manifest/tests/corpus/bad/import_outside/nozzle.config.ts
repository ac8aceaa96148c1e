import { abi } from "../../elsewhere/abi.ts"
export default { name: "x", tables: abi }
