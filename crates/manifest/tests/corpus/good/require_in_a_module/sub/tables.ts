declare const require: (path: string) => any
export const tables = require("./tables.json")
