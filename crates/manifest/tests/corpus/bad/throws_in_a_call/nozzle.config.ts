import { table } from "./table"
export default { name: "x", tables: { a: table("a"), b: table(["b"].join(""), String(1)) } }
