import { tables } from "./tables"
export default { name: "x", tables }
