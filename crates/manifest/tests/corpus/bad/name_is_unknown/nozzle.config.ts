export default { name: "x", tables: { t: { sql: `SELECT ${colums}` } } }
