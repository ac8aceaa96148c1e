import { table } from "./a"
export const prefix = () => "SELECT"
export default { name: "cycle", tables: { t: table() } }
