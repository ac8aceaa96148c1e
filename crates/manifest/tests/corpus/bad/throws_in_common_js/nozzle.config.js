const tables = require("./tables")
module.exports = { name: "x", tables: tables() }
