const helper: { table(name: string): { sql: string } } = require("./lib/helper.js")
module.exports = { name: "typed", tables: { t: helper.table("t") } }
